"""tools/dist_train.sh and tools/dist_test.sh, run as a user runs them."""

import os
import subprocess
from pathlib import Path

import numpy as np

from mmseg_coop.evaluation import Results

from helpers.run_tool import run_tool

REPO = Path(__file__).parents[2]
CONFIG = REPO / 'configs' / 'coop' / 'danet_r18_same_toy.py'
FEW = ['--cfg-options', 'test_dataloader.dataset.num_images=2']
AS_VALIDATED = ['--cfg-options', 'test_dataloader.dataset.num_images=3']
SHORT = [
    '--cfg-options',
    'train_cfg.max_iters=2',
    'train_cfg.val_interval=2',
    'default_hooks.checkpoint.interval=2',
    'train_dataloader.dataset.num_images=16',
    'train_dataloader.batch_size=2',
    'val_dataloader.dataset.num_images=3',
    'model.decode_head.norm_cfg.type=SyncBN',
]


def run(python: str, script: str, cwd: Path, *args) -> str:
    env = {**os.environ, 'OMP_NUM_THREADS': '1', 'PORT': '29613'}
    # The shell scripts call the python that is found first.
    env['PATH'] = f'{Path(python).parent}{os.pathsep}{env["PATH"]}'
    command = ['bash', str(REPO / 'tools' / script), str(CONFIG), *map(str, args)]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return done.stdout + done.stderr


def test_two_processes_without_a_gpu(tmp_path, monkeypatch, capsys, python):
    """SyncBN is converted, and says so."""
    shown = run(python, 'dist_train.sh', tmp_path, 2, *SHORT)
    assert 'SyncBN layers are converted to BN' in shown
    weights = tmp_path / 'work_dirs/danet_r18_same_toy/iter_2.pth'
    # More processes than images.
    run(python, 'dist_test.sh', tmp_path, weights, 3, '--work-dir', 'three', *FEW)
    args = CONFIG, weights, '--work-dir', 'one', *FEW
    done = run_tool('test.py', tmp_path, args, monkeypatch, capsys)
    assert done.returncode == 0, done.stderr
    three, one = (
        Results.load(tmp_path / f'{n}/results/test.npz') for n in ('three', 'one')
    )
    assert len(three.images) == 2 and three.images == one.images
    for name, areas in one.areas.items():
        np.testing.assert_array_equal(three.areas[name], areas)
    for name, counts in one.pairs.items():
        np.testing.assert_array_equal(three.pairs[name], counts)
    # Two processes have validated with the running statistics of the checkpoint.
    args = CONFIG, weights, '--work-dir', 'val', *AS_VALIDATED
    done = run_tool('test.py', tmp_path, args, monkeypatch, capsys)
    assert done.returncode == 0, done.stderr
    validated, tested = (
        Results.load(folder / 'results' / name)
        for folder, name in (
            (weights.parent, 'val_iter_2.npz'),
            (tmp_path / 'val', 'test.npz'),
        )
    )
    for name, sums in tested.calibration.items():
        np.testing.assert_array_equal(validated.calibration[name], sums)
