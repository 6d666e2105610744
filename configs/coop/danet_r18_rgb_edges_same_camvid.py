# Two modalities: the network of the edges sends to that of the colour image.
_base_ = [
    '../_base_/models/danet_r18.py',
    '../_base_/datasets/camvid_edges.py',
    '../_base_/schedules/schedule_camvid.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='CooperativeEncoderDecoder',
    data_preprocessor=_base_.data_preprocessor,
    decode_head=dict(num_classes=11),
    auxiliary_head=dict(num_classes=11),
    networks=dict(
        edges=dict(backbone=dict(in_channels=1), inputs=[3]),
        rgb=dict(inputs=[0, 1, 2]),
    ),
    connections=dict(pattern='same'),
)
