# CamVid from scratch on a CPU: about 30 epochs of 367 images at batch size 8.
# The rate is ours, for networks that start without pretrained weights: ten times
# MMSegmentation's 0.01 (configs/studies/camvid_rate.py).
_base_ = './schedule_80k.py'
max_iters = 1380
optim_wrapper = dict(
    # What --amp takes: bfloat16 where the CPU has it.
    type='AutoAmpOptimWrapper',
    optimizer=dict(lr=0.1),
    # Nothing is pretrained: connectors learn as fast as the rest.
    paramwise_cfg=dict(
        _delete_=True,
        custom_keys={
            'connectors': dict(lr_mult=1.0),
            'aggregations': dict(lr_mult=1.0),
        },
    ),
)
param_scheduler = [dict(_base_.param_scheduler[0], end=max_iters)]
train_cfg = dict(max_iters=max_iters, val_interval=230)
default_hooks = dict(
    logger=dict(interval=23),
    checkpoint=dict(interval=230, max_keep_ckpts=1),
    cooperation=dict(interval=46),
)
