"""Run MMSegmentation's and this project's tools, and read the times of iterations."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import mmseg
from mmengine.config import Config

from mmseg_coop.cost.timing import seconds

from .models import REPO, host_model

OURS = REPO / 'mmseg_coop' / '.mim' / 'tools'
_MIM = Path(mmseg.__file__).parent / '.mim'
HOST = _MIM / 'tools'
# Kernels are set up in the first iterations, whose batches were loaded in advance.
_SKIPPED = 8
_TIME = r'Iter\({}\) \[ *\d+/\d+\].*? time: ([\d.]+)'


@dataclass(frozen=True)
class ToolRun:
    """Seconds of an iteration, and of the whole process."""

    iteration: float
    process: float


def run_tool(tool: Path, config: Config, folder: Path, *args: str | Path) -> ToolRun:
    """Run a tool in a new folder, with every iteration in its log.

    Iterations of the validation after a training run are left out.

    Raises:
        OSError: If the tool fails.
    """
    folder.mkdir(parents=True)
    config.default_hooks.logger.interval = 1
    config.log_processor.window_size = 1
    file = folder / 'config.py'
    config.dump(file)
    command = [sys.executable, '-W', 'ignore', tool, file, *args]
    path = os.pathsep.join([str(REPO), os.environ.get('PYTHONPATH', '')])
    with (folder / 'output.txt').open('w') as output:
        process = seconds(
            lambda: subprocess.run(
                [*map(str, command), '--work-dir', str(folder)],
                env={**os.environ, 'PYTHONPATH': path},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        )
    text = (folder / 'output.txt').read_text()
    found = re.findall(_TIME.format(tool.stem), text)
    times = list(map(float, found))[_SKIPPED:]
    if not times:
        last = ' / '.join(text.strip().splitlines()[-2:])
        raise OSError(f'{tool} has not run {_SKIPPED + 1} iterations; it said: {last}')
    return ToolRun(mean(times), process)


def host_config(config: Config) -> Config:
    """Give a config MMSegmentation's own hooks, loops, metric and optimizer wrapper.

    Model and data stay; the dataset's class may be one of this project.
    """
    base = _MIM / 'configs' / '_base_'
    runtime = Config.fromfile(base / 'default_runtime.py')
    schedule = Config.fromfile(base / 'schedules' / 'schedule_80k.py')
    config = Config({**config.to_dict(), **runtime.to_dict()})
    config.model = host_model(config.model)
    for key in ('train_cfg', 'val_cfg', 'test_cfg', 'default_hooks', 'optim_wrapper'):
        config[key] = schedule[key]
    config.test_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
    config.val_evaluator = config.test_evaluator
    return config
