_base_ = './deeplabv3plus_r101_single_cityscapes.py'
model = dict(type='CooperativeEncoderDecoder')
