"""Tiny networks and batches for tests."""

import copy
from pathlib import Path

import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
NUM_CLASSES = 5
_BN = dict(type='BN')

BACKBONE = dict(
    type='ResNetV1c',
    depth=18,
    stem_channels=8,
    base_channels=8,
    strides=(1, 2, 1, 1),
    dilations=(1, 1, 2, 4),
    norm_cfg=_BN,
)
# What is recorded takes its time by the operation: two stages are enough.
TWO_STAGES = dict(num_stages=2, strides=(1, 2), dilations=(1, 1), out_indices=(0, 1))
SHORT_CONFIG = f"""
_base_ = '{CONFIGS}/deeplabv3plus_r18_same_toy.py'
model = dict(
    backbone={TWO_STAGES},
    decode_head=dict(in_channels=32, in_index=1),
    auxiliary_head=dict(in_channels=16, in_index=0),
)
"""
_HEAD = dict(
    in_channels=64, in_index=3, channels=16, num_classes=NUM_CLASSES, norm_cfg=_BN
)
HEADS = {
    'danet': dict(_HEAD, type='DAHead', pam_channels=4),
    'deeplabv3plus': dict(
        _HEAD,
        type='DepthwiseSeparableASPPHead',
        dilations=(1, 2, 3, 4),
        c1_in_channels=8,
        c1_channels=4,
    ),
}
# It replaces a buffer in every iteration.
EMA_HEAD = dict(
    _HEAD, type='EMAHead', channels=8, ema_channels=8, num_bases=4, num_stages=2
)


def fcn_head(in_channels: int, in_index: int, **changes) -> dict:
    """Config of a tiny FCN head."""
    config = dict(
        type='FCNHead',
        in_channels=in_channels,
        in_index=in_index,
        channels=8,
        num_convs=1,
        concat_input=False,
        num_classes=NUM_CLASSES,
        norm_cfg=_BN,
    )
    return {**config, **changes}


AUXILIARY_HEAD = fcn_head(
    32, 2, loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4)
)


def network_config(network: str, **changes) -> dict:
    """Config of a tiny single network, ``danet`` or ``deeplabv3plus``."""
    config = dict(
        type='EncoderDecoder',
        backbone=BACKBONE,
        decode_head=HEADS[network],
        auxiliary_head=AUXILIARY_HEAD,
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )
    return ConfigDict(copy.deepcopy({**config, **changes}))


def build_pair(network: str = 'deeplabv3plus', connections=None, **changes):
    """A tiny cooperative model."""
    if isinstance(connections, str):
        connections = dict(pattern=connections)
    config = network_config(
        network, type='CooperativeEncoderDecoder', connections=connections, **changes
    )
    return MODELS.build(config)


def build_short_pair(network: str = 'deeplabv3plus', connections=None, **changes):
    """A tiny cooperative model of fewer operations."""
    short = dict(
        backbone=dict(BACKBONE, **TWO_STAGES),
        decode_head=dict(HEADS[network], in_channels=16, in_index=1),
        auxiliary_head=fcn_head(8, 0),
    )
    return build_pair(network, connections, **{**short, **changes})


def enliven(model):
    """Let an untrained model tell classes apart, as features of new ones fade.

    Batch norms get the statistics of noise, classifiers are drawn wide.
    """
    for name, value in model.named_parameters():
        if name.endswith('conv_seg.weight'):
            torch.nn.init.normal_(value, std=1.0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    images = list(torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8))
    data = dict(inputs=images, data_samples=[SegDataSample(), SegDataSample()])
    inputs = model.data_preprocessor(data, False)['inputs']
    metas = [dict(img_shape=(64, 64), ori_shape=(64, 64), pad_shape=(64, 64))] * 2
    model.train()
    with torch.no_grad():
        if hasattr(model, 'plan'):
            model.networks_inference(inputs, metas, model.plan.networks)
        else:
            model.encode_decode(inputs, metas)
    return model.eval()


def make_samples(labels: torch.Tensor) -> list[SegDataSample]:
    """Samples with labels, (N, 1, H, W)."""
    shape = tuple(labels.shape[-2:])
    meta = dict(img_shape=shape, ori_shape=shape, pad_shape=shape)
    return [
        SegDataSample(metainfo=dict(meta), gt_sem_seg=PixelData(data=label))
        for label in labels
    ]


def make_batch(size: int = 2, shape: tuple[int, int] = (64, 64)):
    """Random images and samples with labels, some of them ignored."""
    labels = torch.randint(0, NUM_CLASSES, (size, 1, *shape))
    labels[:, :, :4] = 255
    return torch.randn(size, 3, *shape), make_samples(labels)


def total_loss(losses: dict) -> torch.Tensor:
    """Sum the losses of a dict, as MMEngine does to optimize them."""
    return sum(value for key, value in losses.items() if 'loss' in key)


def as_tuple(output) -> tuple:
    """A head's output, of one or several classifiers."""
    return tuple(output) if isinstance(output, list | tuple) else (output,)


def single_like(model, name, network, **changes):
    """MMSegmentation's own network with the weights of one of the pair's."""
    single = MODELS.build(network_config(network, **changes))
    single.load_state_dict(model.networks[name].state_dict())
    return single
