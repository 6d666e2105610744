# Both directions, as between two backbones in Ikedo & Hotta, VISAPP 2022.
_base_ = './danet_r18_segformer_b0_same_camvid.py'
model = dict(connections=dict(pattern='cross'))
