_base_ = './deeplabv3plus_effnetlite0_single_camvid.py'
model = dict(type='CooperativeEncoderDecoder')
