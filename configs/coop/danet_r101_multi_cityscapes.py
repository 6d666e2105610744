_base_ = './danet_r101_single_cityscapes.py'
model = dict(type='CooperativeEncoderDecoder', connections=dict(pattern='multi'))
