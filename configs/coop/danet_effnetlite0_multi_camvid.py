_base_ = './danet_effnetlite0_single_camvid.py'
model = dict(
    type='CooperativeEncoderDecoder',
    connections=dict(pattern='multi', aggregation=dict(width=64)),
)
