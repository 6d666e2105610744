"""tools/launch.py, which tools/dist_*.sh start: a job ends with its first error."""

import os
import runpy
import signal
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from mmseg_coop.apis import one_line_errors

LAUNCH = Path(__file__).parents[2] / 'tools' / 'launch.py'


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


@pytest.fixture
def signals():
    """PyTorch's launcher leaves its handlers behind."""
    names = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    before = {name: signal.getsignal(name) for name in names}
    yield
    for name, handler in before.items():
        signal.signal(name, handler)


@pytest.mark.parametrize(
    ('how', 'code', 'first', 'last'),
    [
        ('config', 2, 'error: model.backbone: wrong for all', '(set MMSEG_COOP_TRACE'),
        ('bug', 1, 'Traceback (most', 'RuntimeError: a bug in one process'),
        ('killed', 137, 'error: process 1 was killed by SIGKILL', 'error: process 1'),
    ],
)
def test_the_first_error_is_all_that_is_shown(how, code, first, last, capfd, signals):
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=2,
        run_id=how,
        rdzv_backend='c10d',
        rdzv_endpoint='localhost:0',
        # Of this process, which has imported everything.
        start_method='fork',
        max_restarts=0,
    )
    only_first = runpy.run_path(str(LAUNCH))['first_error_only']
    with pytest.raises(SystemExit) as end, only_first():
        elastic_launch(config, fail)(how)
    assert end.value.code == code
    # PyTorch tells of the connections that it has made.
    shown = [x for x in capfd.readouterr().err.strip().splitlines() if 'Gloo' not in x]
    assert shown[0].startswith(first) and shown[-1].startswith(last)
    assert len(shown) <= 2 or how == 'bug'


def test_a_process_that_was_stopped_is_not_to_blame(tmp_path):
    first = runpy.run_path(str(LAUNCH))['first']
    codes = {0: -signal.SIGTERM, 1: 128 + signal.SIGTERM, 2: -signal.SIGKILL}
    failures = {
        rank: ProcessFailure(rank, 0, code, str(tmp_path / 'none'))
        for rank, code in codes.items()
    }
    assert first(failures)[0] == 2
    del failures[2]
    assert first(failures)[0] == 0
