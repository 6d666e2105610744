"""Rows g and h: ``tools/train.py`` and ``tools/test.py``, run as processes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from mmengine.config import Config
from mmseg.registry import MODELS
from PIL import Image

from mmseg_coop.datasets.toy_scene import ToyScene

from .measurement import Measurement, timed, turns
from .models import read_config
from .run_tools import HOST, OURS, host_config, run_tool

# Cityscapes' indices of what a scene has; there is no pole to evaluate.
_TRAIN_IDS = np.array([10, 2, 0, 1, 8, 13, 5, 255], np.uint8)


def test(quick: bool) -> Iterator[Measurement]:
    """``tools/test.py``, a small network on drawn images in Cityscapes' layout."""
    height, width, images = (128, 256, 12) if quick else (1024, 2048, 32)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(images):
            scene = ToyScene(i, height, width)
            _save(folder / f'leftImg8bit/val/town/{i}_leftImg8bit.png', scene.image)
            labels = folder / f'gtFine/val/town/{i}_gtFine_labelTrainIds.png'
            _save(labels, _TRAIN_IDS[scene.label])
        single, pair = (
            _small(read_config(f'deeplabv3plus_r101_{method}_cityscapes'), folder)
            for method in ('single', 'same')
        )
        host = host_config(single)
        for file, config in (('single.pth', single), ('pair.pth', pair)):
            weights = MODELS.build(config.model).state_dict()
            torch.save(dict(state_dict=weights, meta={}), folder / file)

        def tested(tools: Path, config: Config, checkpoint: str) -> dict[str, float]:
            return run_tool(tools / 'test.py', config, folder / checkpoint)

        what = f'`tools/test.py`, {height}×{width}, 19 classes'
        yield from _compare(
            what,
            "MMSegmentation's",
            lambda: [tested(HOST, host, 'single.pth')],
            lambda: [tested(OURS, single, 'single.pth')],
            quick,
        )
        yield from _compare(
            f'{what}, `same`: both networks and their mean',
            "MMSegmentation's, two networks one after the other",
            lambda: [tested(HOST, host, 'single.pth') for _ in range(2)],
            lambda: [tested(OURS, pair, 'pair.pth')],
            quick,
        )


def train(quick: bool) -> Iterator[Measurement]:
    """``tools/train.py`` with the configs for CamVid, on drawn images."""
    images, iterations = (8, 12) if quick else (64, 24)
    with TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(images + 2):
            split = 'train' if i < images else 'val'
            scene = ToyScene(i, 360, 480)
            _save(folder / f'img_dir/{split}/{i}.jpg', scene.image)
            _save(folder / f'ann_dir/{split}/{i}.png', scene.label)
        for network in ('danet', 'deeplabv3plus'):
            config = _on(read_config(f'{network}_r18_single_camvid'), folder)
            host = host_config(config)
            for side in (config, host):
                side.train_cfg.update(
                    max_iters=iterations, val_interval=10 * iterations
                )
            yield from _compare(
                f'`tools/train.py`, {network}_r18_single_camvid',
                "MMSegmentation's, its defaults, float32",
                lambda host=host: [run_tool(HOST / 'train.py', host)],
                lambda ours=config: [run_tool(OURS / 'train.py', ours)],
                quick,
            )


def _compare(
    what: str,
    against: str,
    host: Callable[[], list[dict[str, float]]],
    ours: Callable[[], list[dict[str, float]]],
    quick: bool,
) -> Iterator[Measurement]:
    """Compare an iteration of two sides, each of one or more runs, and processes."""
    runs = [dict(host=host(), ours=ours()) for _ in range(turns(quick))]
    for part, limit in (('iteration', 0.5), ('process', None)):
        times = {
            side: [sum(run[part] for run in turn[side]) for turn in runs]
            for side in ('host', 'ours')
        }
        yield timed(f'{what}: {part}', against, times, limit)


def _small(config: Config, folder: Path) -> Config:
    """Make a network small, so that loading and evaluation dominate a test."""
    norm = dict(type='BN', requires_grad=True)
    model = config.model
    model.pretrained = None
    model.backbone.update(depth=18, stem_channels=8, base_channels=8, norm_cfg=norm)
    model.decode_head.update(
        in_channels=64, channels=16, c1_in_channels=8, c1_channels=8, norm_cfg=norm
    )
    model.auxiliary_head.update(in_channels=32, channels=8, norm_cfg=norm)
    return _on(config, folder)


def _on(config: Config, folder: Path) -> Config:
    """Use the data of a folder."""
    for loader in ('train', 'val', 'test'):
        config[f'{loader}_dataloader'].dataset.data_root = str(folder)
    return config


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
