# DeepLabV3+ on ResNet-101-D8, as in MMSegmentation's configs/deeplabv3plus:
# DANet's backbone and auxiliary head, with another decode head.
_base_ = './danet_r101.py'
model = dict(
    decode_head=dict(
        _delete_=True,
        type='DepthwiseSeparableASPPHead',
        in_channels=2048,
        in_index=3,
        channels=512,
        dilations=(1, 12, 24, 36),
        c1_in_channels=256,
        c1_channels=48,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=_base_.norm_cfg,
        align_corners=False,
        loss_decode=_base_.loss,
    )
)
