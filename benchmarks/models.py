"""The networks that are measured: MMSegmentation's own, and connected pairs."""

import copy

import torch
from mmengine.config import Config, ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_coop.apis import load_config
from mmseg_coop.deployment.config_to_mmseg import to_host
from mmseg_coop.models.image_meta import image_meta
from mmseg_coop.models.segmentors import CooperativeEncoderDecoder

SAME = dict(pattern='same')


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
    return revert_sync_batchnorm(MODELS.build(to_host(config)))


def build_pair(
    config: ConfigDict, connections: dict | None = SAME, **options
) -> CooperativeEncoderDecoder:
    """Two networks, connected or not at all."""
    model = dict(copy.deepcopy(config), type='CooperativeEncoderDecoder')
    model |= dict(connections=connections, **options)
    return revert_sync_batchnorm(MODELS.build(ConfigDict(model)))


def random_batch(
    number: int, height: int, width: int
) -> tuple[torch.Tensor, list[SegDataSample]]:
    """Images (N, 3, H, W) and samples with labels of 11 classes."""
    shape = (height, width)
    samples = [
        SegDataSample(
            metainfo=image_meta(shape),
            gt_sem_seg=PixelData(data=torch.randint(0, 11, (1, *shape))),
        )
        for _ in range(number)
    ]
    return torch.randn(number, 3, *shape), samples
