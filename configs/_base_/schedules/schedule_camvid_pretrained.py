# CamVid from a pretrained backbone on a CPU. The rate is ours, for batches of four.
_base_ = './schedule_camvid.py'
max_iters = 300
optim_wrapper = dict(
    optimizer=dict(
        _delete_=True, type='AdamW', lr=0.003, betas=(0.9, 0.999), weight_decay=0.01
    )
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', eta_min=0, power=0.9, begin=30, end=max_iters, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters, val_interval=100)
default_hooks = dict(
    logger=dict(interval=10),
    checkpoint=dict(interval=100),
    cooperation=dict(interval=100),
)
