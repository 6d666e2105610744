"""Rows g and h: ``tools/train.py`` and ``tools/test.py``, run as processes."""

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from .drawn_scenes import draw_camvid, draw_cityscapes
from .models import read_config
from .results import Measurement, Options
from .run_tools import HOST, OURS, ToolRun, host_config, run_tool
from .timing import Times


def test(options: Options) -> Iterator[Measurement]:
    """``tools/test.py`` with a small network on drawn images in Cityscapes' layout."""
    height, width, images = (128, 256, 12) if options.quick else (1024, 2048, 32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_cityscapes(folder / 'data', images, height, width)
        single = _small(read_config('deeplabv3plus_r101_single_cityscapes'), folder)
        pair = _small(read_config('deeplabv3plus_r101_same_cityscapes'), folder)
        host = host_config(single)
        runs = count()

        def tested(tool: Path, config: Config, checkpoint: str) -> ToolRun:
            work_dir = folder / str(next(runs))
            return run_tool(tool / 'test.py', config, work_dir, folder / checkpoint)

        _save_weights(single, folder / 'single.pth')
        _save_weights(pair, folder / 'pair.pth')
        what = f'`tools/test.py`, {height}×{width}, 19 classes'
        yield from _compare(
            what,
            "MMSegmentation's",
            lambda: [tested(HOST, host, 'single.pth')],
            lambda: [tested(OURS, single, 'single.pth')],
            options.repeats,
        )
        yield from _compare(
            f'{what}, `same`: both networks and their mean',
            "MMSegmentation's, two networks one after the other",
            lambda: [tested(HOST, host, 'single.pth') for _ in range(2)],
            lambda: [tested(OURS, pair, 'pair.pth')],
            options.repeats,
        )


def train(options: Options) -> Iterator[Measurement]:
    """``tools/train.py`` with the configs for CamVid as they are shipped."""
    iterations = 12 if options.quick else 24
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = options.camvid
        if data is None:
            data = folder / 'data'
            draw_camvid(data, 8 if options.quick else 64)
        runs = count()

        def trained(tool: Path, config: Config) -> ToolRun:
            return run_tool(tool / 'train.py', config, folder / str(next(runs)))

        for network in ('danet', 'deeplabv3plus'):
            config = read_config(f'{network}_r18_single_camvid')
            ours, host = (
                _short(c, data, iterations) for c in (config, host_config(config))
            )
            yield from _compare(
                f'`tools/train.py`, {network}_r18_single_camvid',
                "MMSegmentation's, its defaults, float32",
                lambda host=host: [trained(HOST, host)],
                lambda ours=ours: [trained(OURS, ours)],
                options.repeats,
                images=config.train_dataloader.batch_size,
            )


def _compare(
    what: str,
    against: str,
    host: Callable[[], list[ToolRun]],
    ours: Callable[[], list[ToolRun]],
    turns: int,
    images: int = 1,
) -> Iterator[Measurement]:
    """Compare images per second of the iterations, and times of whole processes."""
    runs = [(host(), ours()) for _ in range(turns)]
    yield _times(runs, 'iteration').speed(what, against, images, 2.0)
    yield _times(runs, 'process').duration(f'{what}: the whole process', against)


def _times(turns: list[tuple[list[ToolRun], list[ToolRun]]], part: str) -> Times:
    """Sum the seconds of a turn's runs."""
    host, ours = (
        [sum(getattr(run, part) for run in runs) for runs in side]
        for side in zip(*turns, strict=True)
    )
    return Times(host, ours)


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
    for loader in (config.val_dataloader, config.test_dataloader):
        loader.dataset.data_root = str(folder / 'data')
    return config


def _save_weights(config: Config, path: Path) -> None:
    model = MODELS.build(config.model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)


def _short(config: Config, data: str | Path, iterations: int) -> Config:
    """Limit a training run to some iterations on these data, and one validation."""
    config.train_cfg.update(max_iters=iterations, val_interval=10 * iterations)
    for loader in ('train', 'val', 'test'):
        config[f'{loader}_dataloader'].dataset.data_root = str(data)
    return config
