# MMSegmentation's schedule_40k, its schedule for VOC 2012 with augmentation.
_base_ = './schedule_80k.py'
max_iters = 40000
param_scheduler = [dict(_base_.param_scheduler[0], end=max_iters)]
train_cfg = dict(max_iters=max_iters, val_interval=4000)
default_hooks = dict(checkpoint=dict(interval=4000))
