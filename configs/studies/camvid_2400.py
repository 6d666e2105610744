# Half as long as camvid_long.py; `twice` is the cost of a pair spent on one network.
seeds = [0, 1]
half = True
_iters = 2400
options = {
    'train_dataloader.batch_size': 8,
    # Curves are of every fourth validation image, the final test of all.
    'val_dataloader.dataset.indices': list(range(0, 101, 4)),
    # Not in mixed precision, which the schedule takes where there is any.
    'optim_wrapper.type': 'OptimWrapper',
    'max_iters': _iters,
    'train_cfg.max_iters': _iters,
    'train_cfg.val_interval': _iters // 4,
    'param_scheduler.1.end': _iters,
    'default_hooks.logger.interval': _iters // 40,
    'default_hooks.checkpoint.interval': _iters,
}
_twice = {
    'max_iters': 2 * _iters,
    'train_cfg.max_iters': 2 * _iters,
    'param_scheduler.1.end': 2 * _iters,
}
_heads = ('deeplabv3plus', 'danet')
methods = {}
for _head in _heads:
    _config = f'../coop/{_head}_effnetlite0'
    _single = f'{_config}_single_camvid.py'
    methods |= {
        f'{_head}_twice_2400': dict(config=_single, options=_twice),
        f'{_head}_multi_2400': dict(config=f'{_config}_multi_camvid.py'),
        f'{_head}_same_2400': dict(config=f'{_config}_same_camvid.py'),
        f'{_head}_single_2400': dict(config=_single),
        # The ensemble, of networks that are trained apart: it costs no training.
        f'{_head}_apart_2400': dict(
            config=f'{_config}_ensemble_camvid.py',
            networks=f'{_head}_single_2400',
            seeds=[(0, 1)],
        ),
    }
# What the tables' gains are over.
baselines = {
    'single': [f'{head}_single_2400' for head in _heads],
    'two apart': [f'{head}_apart_2400' for head in _heads],
    'twice as long': [f'{head}_twice_2400' for head in _heads],
}
