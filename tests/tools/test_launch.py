"""tools/launch.py, which tools/dist_*.sh start: a job ends with its first error."""

import json
import os
import runpy
import signal
import subprocess
from pathlib import Path

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from mmseg_coop.engine.stop_hook import STOPPED

REPO = Path(__file__).parents[2]
LAUNCH = REPO / 'tools' / 'launch.py'
WORKER = Path(__file__).with_name('launch_worker.py')


@pytest.fixture(scope='module')
def jobs(tmp_path_factory, python) -> dict:
    """The exit code of each job, and what it has shown."""
    path = tmp_path_factory.mktemp('jobs') / 'jobs.json'
    env = dict(os.environ, PYTHONPATH=str(REPO), OMP_NUM_THREADS='1')
    subprocess.run([python, WORKER, path], env=env, check=True)
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ('how', 'code', 'first', 'last'),
    [
        ('config', 2, 'error: model.backbone: wrong for all', '(set MMSEG_COOP_TRACE'),
        ('bug', 1, 'Traceback (most', 'RuntimeError: a bug in one process'),
        ('killed', 137, 'error: process 1 was killed by SIGKILL', 'error: process 1'),
    ],
)
def test_the_first_error_is_all_that_is_shown(how, code, first, last, jobs):
    found, shown = jobs[how]
    assert found == code
    assert shown[0].startswith(first) and shown[-1].startswith(last)
    assert len(shown) <= 2 or how == 'bug'


def test_torchrun_shows_the_error_in_its_report(jobs):
    code, shown = jobs['torchrun']
    assert code == 2
    causes = [line for line in shown if line.lstrip().startswith('traceback :')]
    assert causes[-1].endswith(': error: model.backbone: wrong for all')


@pytest.mark.parametrize('stopped', [-signal.SIGTERM, STOPPED])
def test_a_process_that_was_stopped_is_not_to_blame(stopped, tmp_path):
    """It may end in the same second as the one for which it was stopped."""
    first = runpy.run_path(str(LAUNCH))['first']
    failures = {
        rank: ProcessFailure(rank, 0, code, str(tmp_path / 'none'))
        for rank, code in enumerate([stopped, -signal.SIGKILL])
    }
    assert first(failures)[0] == 1
    del failures[1]
    assert first(failures)[0] == 0
