from mmengine.config import read_base
from mmseg.models import FCNHead, ResNetV1c, SegDataPreProcessor
from mmseg.models.losses import CrossEntropyLoss
from torch.nn import BatchNorm2d

from mmseg_coop.models import CoopAggregation, CoopConnector, EfficientDAHead

from helpers.users_pair import UsersPair

with read_base():
    from .common import *  # noqa: F403

norm_cfg = dict(type=BatchNorm2d, requires_grad=True)
loss = dict(type=CrossEntropyLoss)
model = dict(
    type=UsersPair,
    connections=dict(
        pattern='multi',
        connector=dict(type=CoopConnector),
        aggregation=dict(type=CoopAggregation, width=8),
    ),
    data_preprocessor=dict(
        type=SegDataPreProcessor,
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=(64, 96),
    ),
    backbone=dict(
        type=ResNetV1c,
        depth=18,
        stem_channels=8,
        base_channels=8,
        num_stages=2,
        strides=(1, 2),
        dilations=(1, 1),
        out_indices=(0, 1),
        norm_cfg=norm_cfg,
    ),
    decode_head=dict(
        type=EfficientDAHead,
        in_channels=16,
        in_index=1,
        channels=16,
        pam_channels=4,
        num_classes=8,
        norm_cfg=norm_cfg,
        loss_decode=loss,
    ),
    auxiliary_head=dict(
        type=FCNHead,
        in_channels=8,
        in_index=0,
        channels=8,
        num_convs=1,
        num_classes=8,
        norm_cfg=norm_cfg,
        loss_decode=loss,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
