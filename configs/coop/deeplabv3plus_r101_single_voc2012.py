_base_ = [
    '../_base_/models/deeplabv3plus_r101.py',
    '../_base_/datasets/voc2012_513x513.py',
    '../_base_/schedules/schedule_40k.py',
    '../_base_/default_runtime.py',
]
model = dict(
    data_preprocessor=_base_.data_preprocessor,
    decode_head=dict(num_classes=21),
    auxiliary_head=dict(num_classes=21),
)
