"""Jobs of two processes of which one fails, started as tools/launch.py starts them.

The last one is started as plain torchrun does, which shows its own report.

Usage: launch_worker.py FILE, which gets the exit code and the lines that were shown of
each. The processes are forks of this one, which has imported everything and computed
nothing.
"""

import json
import os
import runpy
import signal
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from mmseg_coop.command_line import one_line_errors

LAUNCH = runpy.run_path(str(Path(__file__).parents[2] / 'tools' / 'launch.py'))


def fail(how: str) -> None:
    """One of two processes: the second fails, and the first waits for it."""
    with one_line_errors():
        if how == 'config':
            raise ValueError('model.backbone: wrong for all')
        dist.init_process_group('gloo')
        if dist.get_rank() == 1 and how == 'killed':
            os.kill(os.getpid(), signal.SIGKILL)
        if dist.get_rank() == 1:
            raise RuntimeError('a bug in one process')
        dist.all_reduce(torch.ones(1))


def launch(how: str, shown_by: AbstractContextManager) -> tuple[int, list[str]]:
    """The exit code of a job, and what it shows."""
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id=how,
        rdzv_backend='c10d',
        rdzv_endpoint='localhost:0',
        start_method='fork',
        max_restarts=0,
    )
    with tempfile.TemporaryFile('w+') as shown:
        os.dup2(shown.fileno(), 2)
        try:
            with shown_by:
                elastic_launch(config, fail)(how)
            code = 0
        except SystemExit as end:
            code = end.code
        except ChildFailedError as error:
            code = error.get_first_failure()[1].exitcode
            print(error, file=sys.stderr)
        sys.stderr.flush()
        shown.seek(0)
        lines = shown.read().strip().splitlines()
    # PyTorch tells of the connections that it has made.
    return code, [line for line in lines if 'Gloo' not in line]


if __name__ == '__main__':
    only_first = LAUNCH['first_error_only']
    done = {how: launch(how, only_first()) for how in ('config', 'bug', 'killed')}
    done['torchrun'] = launch('config', nullcontext())
    Path(sys.argv[1]).write_text(json.dumps(done))
