"""The wheel, installed without a checkout."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from mmseg_coop.version import __version__

REPO = Path(__file__).parents[1]
FOLDERS = ('mmseg_coop', 'configs', 'tools')
FILES = ('setup.py', 'pyproject.toml', 'README.md', 'model-index.yml', 'MANIFEST.in')
MINE = """
# An import would make it a config in MMEngine's pure Python style.
print('package:', __import__('mmseg_coop').__file__)
_base_ = 'mmseg_coop::coop/danet_r18_same_toy.py'
train_dataloader = dict(dataset=dict(num_images=8))
val_dataloader = dict(dataset=dict(num_images=4))
train_cfg = dict(max_iters=2, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=2))
"""
GRID = "seeds = [0]\nmethods = dict(mine=dict(config='mine.py'))\n"


@pytest.fixture(scope='module')
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('wheel')
    # A build leaves files beside the sources.
    for name in FOLDERS:
        shutil.copytree(REPO / name, folder / name, symlinks=True)
    for name in FILES:
        shutil.copy(REPO / name, folder / name)
    options = '--no-deps', '--no-build-isolation', '--quiet', '--wheel-dir'
    pip('wheel', *options, folder / 'dist', folder)
    (found,) = (folder / 'dist').glob('*.whl')
    return found


def pip(*args) -> None:
    command = [sys.executable, '-m', 'pip', '--disable-pip-version-check', *args]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_holds_configs_tools_and_the_index(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f'mmseg_coop/.mim/{path.relative_to(REPO)}'
        for folder in ('configs', 'tools')
        for path in (REPO / folder).rglob('*')
        if path.suffix in ('.py', '.sh', '.yaml')
    }
    assert len(expected) > 60
    assert expected | {'mmseg_coop/.mim/model-index.yml'} <= names
    assert not any('__pycache__' in name for name in names)


def test_a_users_config_in_another_folder(wheel, tmp_path, fresh_python):
    site = tmp_path / 'site'
    pip('install', '--no-deps', '--no-compile', '--quiet', '--target', site, wheel)
    (tmp_path / 'mine.py').write_text(MINE)
    (tmp_path / 'grid.py').write_text(GRID)
    # Before the checkout, which this environment has installed.
    env = {**os.environ, 'PYTHONPATH': str(site), 'OMP_NUM_THREADS': '1'}

    def run(*args) -> str:
        done = subprocess.run(
            [fresh_python, *args],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-1500:]
        return done.stdout

    # It trains, tests and compares by the tools that the wheel has.
    shown = run('-m', 'mmseg_coop', 'study', 'grid.py')
    assert f'package: {site}/mmseg_coop/__init__.py' in shown
    output = (tmp_path / 'work_dirs/grid/mine/seed_0/output.txt').read_text()
    assert 'Saving checkpoint at 2 iterations' in output
    assert 'is not installed' not in shown + output
    record = tmp_path / 'work_dirs/grid/records/val/mine/seed_0'
    assert 'bottom' in run('-m', 'mmseg_coop', 'compare', record)
    weights = next((tmp_path / 'work_dirs/grid/mine/seed_0').glob('weights.*'))
    Image.new('RGB', (96, 64)).save(tmp_path / 'image.png')
    run('-m', 'mmseg_coop', 'predict', 'mine.py', weights, 'image.png', '--out', 'out')
    assert list((tmp_path / 'out').rglob('image.jpg'))
    shown = run('-m', 'mmseg_coop', 'study', 'mmseg_coop::studies/demo.py', '--list')
    assert '0 of 4 runs' in shown
    about = json.loads((record / 'run.json').read_text())
    # Not the commit of a repository that the environment lies in.
    assert about['attempts'][0]['revision'] == __version__
