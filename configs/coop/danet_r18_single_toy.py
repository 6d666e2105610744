_base_ = [
    '../_base_/models/danet_r18.py',
    '../_base_/datasets/toy.py',
    '../_base_/schedules/schedule_toy.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=_base_.data_preprocessor,
    backbone=dict(stem_channels=16, base_channels=16),
    decode_head=dict(in_channels=128, channels=32, num_classes=8),
    auxiliary_head=dict(in_channels=64, channels=16, num_classes=8),
)
