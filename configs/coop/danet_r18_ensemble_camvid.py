_base_ = './danet_r18_single_camvid.py'
model = dict(type='CooperativeEncoderDecoder')
