_base_ = [
    '../_base_/models/danet_effnetlite0.py',
    '../_base_/datasets/camvid_144x192.py',
    '../_base_/schedules/schedule_camvid_pretrained.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=_base_.data_preprocessor,
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11),
)
