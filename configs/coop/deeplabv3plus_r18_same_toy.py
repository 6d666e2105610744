_base_ = './deeplabv3plus_r18_single_toy.py'
model = dict(type='CooperativeEncoderDecoder', connections=dict(pattern='same'))
