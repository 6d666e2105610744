# ToyStreets: a minute or so for a network on a CPU.
_base_ = './schedule_camvid.py'
max_iters = 300
optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = [dict(_base_.param_scheduler[0], end=max_iters)]
train_cfg = dict(max_iters=max_iters, val_interval=150)
default_hooks = dict(
    logger=dict(interval=25),
    checkpoint=dict(interval=150),
    cooperation=dict(interval=50),
)
