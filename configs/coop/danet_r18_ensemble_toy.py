_base_ = './danet_r18_single_toy.py'
model = dict(type='CooperativeEncoderDecoder')
