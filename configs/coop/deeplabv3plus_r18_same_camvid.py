_base_ = './deeplabv3plus_r18_single_camvid.py'
model = dict(type='CooperativeEncoderDecoder', connections=dict(pattern='same'))
