_base_ = [
    '../_base_/models/segformer_b0.py',
    '../_base_/datasets/camvid.py',
    '../_base_/schedules/schedule_camvid_adamw.py',
    '../_base_/default_runtime.py',
]
_base_.segformer_b0.decode_head.num_classes = 11
model = dict(
    type='EncoderDecoder',
    data_preprocessor=_base_.data_preprocessor,
    backbone=_base_.segformer_b0.backbone,
    decode_head=_base_.segformer_b0.decode_head,
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
