# DANet on EfficientNet-Lite0.
_base_ = ['./danet_r18.py', './effnetlite0.py']
model = dict(
    backbone=dict(_delete_=True, **_base_.backbone),
    decode_head=dict(in_channels=320),
    auxiliary_head=dict(in_channels=112),
)
