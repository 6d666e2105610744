"""tools/train.py, told to stop and resumed, and on a full disk."""

import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest
import torch

from helpers.run_tool import TOOLS, run_tool

CONFIG = Path(__file__).parents[2] / 'configs/coop/deeplabv3plus_r18_single_toy.py'
ITERS = 6
OPTIONS = [
    'randomness.seed=0',
    f'train_cfg.max_iters={ITERS}',
    f'train_cfg.val_interval={ITERS}',
    'default_hooks.checkpoint.interval=100',
    'default_hooks.logger.interval=1',
    'train_dataloader.num_workers=2',
    'train_dataloader.batch_size=2',
    'train_dataloader.dataset.num_images=16',
    'val_dataloader.dataset.num_images=4',
]


def arguments(work_dir, *options):
    return [CONFIG, '--work-dir', work_dir, '--cfg-options', *OPTIONS, *options]


def weights(work_dir):
    checkpoint = torch.load(work_dir / f'iter_{ITERS}.pth', weights_only=False)
    return checkpoint['state_dict']


TELLS_ITS_GROUP = """
import os, runpy, sys
print(os.getpgid(0), flush=True)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def test_sigterm_then_resume(tmp_path, monkeypatch, capsys, python):
    """Workers get the signal, too, as from a cluster or the keyboard."""
    work_dir = tmp_path / 'stopped'
    tool = [TELLS_ITS_GROUP, TOOLS / 'train.py', *arguments(work_dir)]
    process = subprocess.Popen(
        [python, '-c', *tool],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': str(torch.get_num_threads())},
    )
    group = int(process.stdout.readline())
    for line in process.stdout:
        if f'Iter(train) [2/{ITERS}]' in line:
            break
    os.killpg(group, signal.SIGTERM)
    # As launchers do, which pass it on.
    os.killpg(group, signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 75, out + err
    assert 'Stopped by SIGTERM' in out and 'Traceback' not in err
    saved = Path((work_dir / 'last_checkpoint').read_text())
    assert saved.is_file() and saved.name != f'iter_{ITERS}.pth'

    again = ['train.py', tmp_path, [*arguments(work_dir), '--resume']]
    assert run_tool(*again, monkeypatch, capsys).returncode == 0
    whole = tmp_path / 'whole'
    run_tool('train.py', tmp_path, arguments(whole), monkeypatch, capsys)
    found, expected = weights(work_dir), weights(whole)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_full_disk(tmp_path, monkeypatch, capsys):
    """The older checkpoint is intact, and one line says what is missing."""
    small, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        done = run_tool(
            'train.py',
            tmp_path,
            arguments(tmp_path / 'work', 'default_hooks.checkpoint.interval=1'),
            monkeypatch,
            capsys,
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (small, hard))
    assert done.returncode == 2
    error = done.stderr.splitlines()
    assert error[0].startswith(f'error: {tmp_path}/work/iter_1.pth can not be written')
    assert 'Traceback' not in done.stderr
    assert not list((tmp_path / 'work').glob('*.pth'))
    assert not list((tmp_path / 'work').glob('.*.incomplete'))


@pytest.mark.parametrize('damaged', ['all', 'none there'])
def test_nothing_to_resume_from(tmp_path, monkeypatch, capsys, damaged):
    if damaged == 'all':
        (tmp_path / 'iter_4.pth').write_bytes(b'PK')
    options = ['train_cfg.max_iters=1', 'train_dataloader.num_workers=0']
    args = [*arguments(tmp_path, *options), '--resume']
    done = run_tool('train.py', tmp_path, args, monkeypatch, capsys)
    if damaged == 'all':
        assert done.returncode == 2
        assert 'has no checkpoint to resume from: iter_4.pth is damaged' in done.stderr
    else:
        assert done.returncode == 0
        assert (tmp_path / 'iter_1.pth').is_file()
