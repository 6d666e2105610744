# DeepLabV3+ on ResNet-18-D8 at half width, from scratch: small enough for a CPU.
# Dilations fit the 23x30 features of a 180x240 image; c1_channels as in
# MMSegmentation's deeplabv3plus_r18-d8.
_base_ = './deeplabv3plus_r101.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    pretrained=None,
    backbone=dict(depth=18, stem_channels=32, base_channels=32, norm_cfg=norm_cfg),
    decode_head=dict(
        in_channels=256,
        channels=64,
        dilations=(1, 3, 6, 9),
        c1_in_channels=32,
        c1_channels=12,
        norm_cfg=norm_cfg,
    ),
    auxiliary_head=dict(in_channels=128, channels=32, norm_cfg=norm_cfg),
)
