"""Run MMSegmentation's and this project's tools, and read the times of iterations."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import mmseg
from mmengine.config import Config

from mmseg_coop.deployment.config_to_mmseg import to_host

_REPO = Path(__file__).parents[1]
_MIM = Path(mmseg.__file__).parent / '.mim'
OURS, HOST = _REPO / 'tools', _MIM / 'tools'
# Kernels are set up in the first iterations, whose batches were loaded in advance.
_SKIPPED = 8
_TIME = r'Iter\({}\) \[ *\d+/\d+\].*? time: ([\d.]+)'


def run_tool(tool: Path, config: Config, *args: str | Path) -> dict[str, float]:
    """Run a tool with every iteration in its log.

    Iterations of the validation after a training run are left out.

    Returns:
        Seconds of an ``iteration``, and of the whole ``process``.

    Raises:
        OSError: If the tool fails.
    """
    config.default_hooks.logger.interval = 1
    config.log_processor.window_size = 1
    path = os.pathsep.join([str(_REPO), os.environ.get('PYTHONPATH', '')])
    with TemporaryDirectory() as folder:
        file = Path(folder) / 'config.py'
        config.dump(file)
        command = [sys.executable, '-W', 'ignore', tool, file, *args]
        start = time.perf_counter()
        done = subprocess.run(
            [*map(str, command), '--work-dir', folder],
            env={**os.environ, 'PYTHONPATH': path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        process = time.perf_counter() - start
    times = re.findall(_TIME.format(tool.stem), done.stdout)[_SKIPPED:]
    if not times:
        last = ' / '.join(done.stdout.strip().splitlines()[-2:])
        raise OSError(f'{tool} has not run {_SKIPPED + 1} iterations; it said: {last}')
    return dict(iteration=mean(map(float, times)), process=process)


def host_config(config: Config) -> Config:
    """Give a config MMSegmentation's own hooks, loops, metric and optimizer wrapper.

    Model and data stay; the dataset's class may be one of this project.
    """
    base = _MIM / 'configs' / '_base_'
    runtime = Config.fromfile(base / 'default_runtime.py')
    schedule = Config.fromfile(base / 'schedules' / 'schedule_80k.py')
    config = Config({**config.to_dict(), **runtime.to_dict()})
    config.model = to_host(config.model)
    for key in ('train_cfg', 'val_cfg', 'test_cfg', 'default_hooks', 'optim_wrapper'):
        config[key] = schedule[key]
    config.test_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
    config.val_evaluator = config.test_evaluator
    return config
