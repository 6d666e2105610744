# DANet on ResNet-18-D8 at half width, from scratch: small enough for a CPU.
# Heads are a quarter as wide as MMSegmentation's for ResNet-101, as the features are.
_base_ = './danet_r101.py'
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    pretrained=None,
    backbone=dict(depth=18, stem_channels=32, base_channels=32, norm_cfg=norm_cfg),
    decode_head=dict(in_channels=256, channels=64, pam_channels=8, norm_cfg=norm_cfg),
    auxiliary_head=dict(in_channels=128, channels=32, norm_cfg=norm_cfg),
)
