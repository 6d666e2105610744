# DeepLabV3+ on EfficientNet-Lite0. Dilations fit the 9x12 features of a 144x192 image.
_base_ = ['./deeplabv3plus_r18.py', './effnetlite0.py']
model = dict(
    backbone=dict(_delete_=True, **_base_.backbone),
    decode_head=dict(in_channels=320, dilations=(1, 2, 3, 5), c1_in_channels=24),
    auxiliary_head=dict(in_channels=112),
)
