_base_ = ['./deeplabv3plus_r18_same_toy.py', '../_base_/models/student.py']
pair = 'work_dirs/deeplabv3plus_r18_same_toy/iter_300.pth'
model = dict(_base_.student, networks_init=[pair, pair, None])
