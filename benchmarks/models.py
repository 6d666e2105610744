"""The networks that are measured: MMSegmentation's own, and connected pairs."""

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_coop.apis import load_config
from mmseg_coop.models.segmentors import CooperativeEncoderDecoder

# Where the package lies.
REPO = Path(__file__).parents[1]


def read_config(name: str) -> Config:
    """A config of ``configs/coop``."""
    return load_config(f'mmseg_coop::coop/{name}.py')


def network_config(network: str, quick: bool, depth: int = 50) -> ConfigDict:
    """A network for Cityscapes, without pretrained weights."""
    if quick:
        return read_config(f'{network}_r18_single_camvid').model
    model = read_config(f'{network}_r101_single_cityscapes').model
    model.pretrained = None
    model.backbone.depth = depth
    return model


def build_host(config: ConfigDict) -> EncoderDecoder:
    """The single network, of MMSegmentation's classes only."""
    return _build(host_model(config))


def host_model(config: ConfigDict) -> ConfigDict:
    """A single network's config with MMSegmentation's own ``DAHead``."""
    config = copy.deepcopy(config)
    if config.decode_head.type == 'EfficientDAHead':
        config.decode_head.type = 'DAHead'
    return config


def build_pair(
    config: ConfigDict,
    pattern: str | None = 'same',
    connector: dict | None = None,
    sites: Sequence[str] | None = None,
    **options,
) -> CooperativeEncoderDecoder:
    """Two networks, connected by a pattern or not at all."""
    connections = None
    if pattern is not None:
        connections = dict(pattern=pattern, sites=sites, connector=connector or {})
    model = dict(config, type='CooperativeEncoderDecoder', connections=connections)
    return _build(ConfigDict({**model, **options}))


def _build(config: ConfigDict) -> EncoderDecoder:
    return revert_sync_batchnorm(MODELS.build(copy.deepcopy(config)))


def random_batch(
    number: int, height: int, width: int
) -> tuple[torch.Tensor, list[SegDataSample]]:
    """Images (N, 3, H, W) and samples with labels of 11 classes."""
    shape = (height, width)
    meta = dict(img_shape=shape, ori_shape=shape, pad_shape=shape)
    samples = [
        SegDataSample(
            metainfo=dict(meta),
            gt_sem_seg=PixelData(data=torch.randint(0, 11, (1, *shape))),
        )
        for _ in range(number)
    ]
    return torch.randn(number, 3, *shape), samples


def total_loss(model: EncoderDecoder, batch: tuple) -> torch.Tensor:
    """The sum of a model's losses, as MMEngine makes it."""
    return model.parse_losses(model.loss(*batch))[0]
