_base_ = './deeplabv3plus_r101_single_voc2012.py'
model = dict(type='CooperativeEncoderDecoder', connections=dict(pattern='multi'))
