# A trained network, top, that stays as it is, teaches bottom what it sees.
_base_ = './danet_r18_same_camvid.py'
checkpoint = 'work_dirs/danet_r18_single_camvid/iter_1380.pth'
model = dict(networks=dict(top=dict(init=checkpoint, frozen=True), bottom=dict()))
