_base_ = './danet_effnetlite0_single_camvid.py'
model = dict(type='CooperativeEncoderDecoder')
