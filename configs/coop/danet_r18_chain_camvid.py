# Three networks: net1 -> net2 -> net3.
_base_ = './danet_r18_same_camvid.py'
model = dict(num_networks=3)
