_base_ = [
    './deeplabv3plus_effnetlite0_multi_camvid.py',
    '../_base_/models/student.py',
]
pair = 'work_dirs/deeplabv3plus_effnetlite0_multi_camvid/iter_300.pth'
model = dict(_base_.student, networks_init=[pair, pair, None])
