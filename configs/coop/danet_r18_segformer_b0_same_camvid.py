# ResNet-18 DANet, top, beside SegFormer-B0, bottom: stage by stage.
_base_ = [
    '../_base_/models/danet_r18.py',
    '../_base_/models/segformer_b0.py',
    '../_base_/datasets/camvid.py',
    '../_base_/schedules/schedule_camvid_adamw.py',
    '../_base_/default_runtime.py',
]
_base_.segformer_b0.decode_head.num_classes = 11
model = dict(
    type='CooperativeEncoderDecoder',
    data_preprocessor=_base_.data_preprocessor,
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11),
    networks=dict(top=dict(), bottom=_base_.segformer_b0),
    connections=dict(pattern='same', sites='backbone'),
)
