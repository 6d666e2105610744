# Training from scratch: ResNet-18-D8 at half width with the images, batches and number
# of iterations of camvid_long.py.
seeds = [0, 1, 2]
half = True
_iters = 4800
# The best of camvid_scratch_settings.py.
_rate = 0.1
_crop_size, _scale = (96, 128), (192, 144)
options = {
    # Images as in configs/_base_/datasets/camvid_144x192.py.
    'crop_size': _crop_size,
    'model.data_preprocessor.size': _crop_size,
    'train_dataloader.dataset.pipeline.2.scale': _scale,
    'train_dataloader.dataset.pipeline.2.ratio_range': (0.67, 1.5),
    'train_dataloader.dataset.pipeline.3.crop_size': _crop_size,
    'val_dataloader.dataset.pipeline.1.scale': _scale,
    'test_dataloader.dataset.pipeline.1.scale': _scale,
    # Curves are of every fourth validation image, the final test of all.
    'val_dataloader.dataset.indices': list(range(0, 101, 4)),
    # Not in mixed precision, which the schedule takes where there is any.
    'optim_wrapper.type': 'OptimWrapper',
    # All learn at one rate, so that one group of parameters will do.
    'optim_wrapper.paramwise_cfg': None,
    'optim_wrapper.optimizer.lr': _rate,
    'max_iters': _iters,
    'train_cfg.max_iters': _iters,
    'train_cfg.val_interval': _iters // 6,
    'param_scheduler.0.end': _iters,
    'default_hooks.logger.interval': _iters // 40,
    'default_hooks.checkpoint.interval': _iters // 3,
    'default_hooks.cooperation.interval': _iters // 6,
}
_twice = {
    'max_iters': 2 * _iters,
    'train_cfg.max_iters': 2 * _iters,
    'param_scheduler.0.end': 2 * _iters,
}
_heads = ('deeplabv3plus', 'danet')
methods = {}
for _head in _heads:
    _config = f'../coop/{_head}_r18'
    _single = f'{_config}_single_camvid.py'
    methods |= {
        f'{_head}_single_scratch': dict(config=_single),
        # The cost of a pair spent on one network.
        f'{_head}_twice_scratch': dict(config=_single, options=_twice),
        f'{_head}_same_scratch': dict(config=f'{_config}_same_camvid.py'),
        f'{_head}_multi_scratch': dict(config=f'{_config}_multi_camvid.py'),
        # The ensemble, of networks that are trained apart: it costs no training.
        f'{_head}_apart_scratch': dict(
            config=f'{_config}_ensemble_camvid.py',
            networks=f'{_head}_single_scratch',
            seeds=[(0, 1)],
        ),
    }
    methods |= {
        f'{_head}_{method}_{network}_scratch': dict(
            of=f'{_head}_{method}_scratch', predict=network
        )
        for method in ('same', 'multi')
        for network in ('top', 'mean')
    }
# What the tables' gains are over.
baselines = {
    'single': [f'{head}_single_scratch' for head in _heads],
    'two apart': [f'{head}_apart_scratch' for head in _heads],
    'twice as long': [f'{head}_twice_scratch' for head in _heads],
}
