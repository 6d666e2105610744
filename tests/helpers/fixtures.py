"""Fixtures of several tests: data, Pythons that start fast, runs of the demo."""

import gc
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import spawn
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from PIL import Image
from torch.utils.data import _utils

import mmseg_coop.checkpoints.safe  # noqa: F401  (registers everything, as the configs do)
from mmseg_coop.datasets.toy_scene import ToyScene
from mmseg_coop.evaluation.method_names import METHODS

from helpers.fast_python import PYTHONS, serve
from helpers.plain_configs import leave_configs_unformatted

REPO = Path(__file__).parents[2]
leave_configs_unformatted()
# PyTorch makes millions of objects where it records a model: not searched that often.
gc.set_threshold(100_000, 20, 20)
# Loaders that are collected as garbage wait for each of their workers: not 5 seconds.
_utils.MP_STATUS_CHECK_INTERVAL = 0.2


@pytest.fixture(scope='session', autouse=True)
def _scope():
    init_default_scope('mmseg')


@pytest.fixture(autouse=True, scope='module')
def _only_its_own_garbage():
    """Each dataset that is built collects garbage: not among what was there before."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _deterministic(_scope):
    init_default_scope('mmseg')
    torch.manual_seed(0)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """Messages that MMEngine's current logger gets; earlier tests may have made it."""
    found = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())
    logger = MMLogger.get_current_instance()
    before = logger.handlers, logger.level
    logger.handlers, logger.level = [handler], logging.INFO
    yield found
    logger.handlers, logger.level = before


def _real_data(name: str) -> Path | None:
    """Real data beside the checkout, where there are any."""
    folder = REPO.parent / 'shared' / name
    return folder if folder.is_dir() else None


@pytest.fixture(scope='session')
def camvid_root(tmp_path_factory) -> Path:
    """CamVid, or a few drawn scenes in its layout."""
    real = _real_data('camvid')
    if real:
        return real
    root = tmp_path_factory.mktemp('camvid')
    for split, seeds in (('train', range(4)), ('val', range(4, 6))):
        for folder in ('img_dir', 'ann_dir'):
            (root / folder / split).mkdir(parents=True)
        for seed in seeds:
            scene = ToyScene(seed, 360, 480)
            Image.fromarray(scene.image).save(root / 'img_dir' / split / f'{seed}.jpg')
            Image.fromarray(scene.label).save(root / 'ann_dir' / split / f'{seed}.png')
    return root


@pytest.fixture(scope='session')
def drawn_cityscapes(tmp_path_factory) -> Path:
    """A drawn scene in the layout of Cityscapes."""
    root = tmp_path_factory.mktemp('cityscapes')
    ids = np.array([23, 11, 7, 8, 21, 26, 17, 3], np.uint8)
    train_ids = np.array([10, 2, 0, 1, 8, 13, 5, 255], np.uint8)
    for split in ('train', 'val'):
        scene = ToyScene(0, 128, 256)
        images = {
            'leftImg8bit/{}/town/a_leftImg8bit.png': scene.image,
            'gtFine/{}/town/a_gtFine_labelIds.png': ids[scene.label],
            'gtFine/{}/town/a_gtFine_labelTrainIds.png': train_ids[scene.label],
        }
        for name, image in images.items():
            path = root / name.format(split)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return root


@pytest.fixture(scope='session')
def cityscapes_root(drawn_cityscapes) -> Path:
    """A frame of Cityscapes, or the drawn one."""
    return _real_data('cityscapes_sample') or drawn_cityscapes


@pytest.fixture(scope='session')
def _pythons() -> Iterator[tuple[str, str]]:
    if PYTHONS in os.environ:
        yield os.environ[PYTHONS].split(os.pathsep)
        return
    with serve() as paths:
        yield paths


@pytest.fixture(scope='session')
def python(_pythons) -> str:
    """Path of a Python that has imported MMSegmentation and the package beforehand."""
    return str(_pythons[0])


@pytest.fixture(scope='session')
def fresh_python(_pythons) -> str:
    """Path of a Python that has imported MMSegmentation alone beforehand."""
    return str(_pythons[1])


@pytest.fixture
def starts_fast(python, monkeypatch) -> Iterator[None]:
    """Processes that this one starts have imported MMSegmentation beforehand."""
    monkeypatch.setattr(sys, 'executable', python)
    before = spawn.get_executable()
    spawn.set_executable(python)
    yield
    spawn.set_executable(before)


@pytest.fixture(scope='session')
def demo(tmp_path_factory, python):
    """Folder of the demo's study after two iterations, and its finished process."""
    root = tmp_path_factory.mktemp('demo')
    short = {f'train_cfg.{key}': 2 for key in ('max_iters', 'val_interval')}
    short['default_hooks.checkpoint.interval'] = 2
    short |= {f'{split}_dataloader.dataset.num_images': 16 for split in ('val', 'test')}
    # Paths in a grid are relative to its file.
    coop = REPO / 'configs' / 'coop'
    methods = {
        name: {'config': str(coop / f'deeplabv3plus_r18_{name}_toy.py')}
        for name in METHODS
    }
    (root / 'demo.py').write_text(
        f"_base_ = '{REPO}/configs/studies/demo.py'\n"
        f'options = {short}\nmethods = {methods}\n'
    )
    done = subprocess.run(
        [python, str(REPO / 'tools' / 'study.py'), 'demo.py'],
        cwd=root,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return root / 'work_dirs' / 'demo', done
