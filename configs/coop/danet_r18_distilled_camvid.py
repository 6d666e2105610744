_base_ = ['./danet_r18_same_camvid.py', '../_base_/models/student.py']
pair = 'work_dirs/danet_r18_same_camvid/iter_1380.pth'
model = dict(_base_.student, networks_init=[pair, pair, None])
