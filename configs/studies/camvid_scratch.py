# Training from scratch: ResNet-18-D8 at half width with the images, batches and number
# of iterations of camvid_long.py.
_base_ = './camvid_long.py'
seeds = [0, 1, 2]
# The best of camvid_scratch_settings.py.
_rate = 0.1
_crop_size, _scale = (96, 128), (192, 144)
_shared = {
    _key: _value
    for _key, _value in _base_.options.items()
    # Batches have this size already, and there is no warm-up.
    if _key not in ('train_dataloader.batch_size', 'param_scheduler.1.end')
}
options = dict(
    _delete_=True,
    **_shared,
    **{
        # Images as in configs/_base_/datasets/camvid_144x192.py.
        'crop_size': _crop_size,
        'model.data_preprocessor.size': _crop_size,
        'train_dataloader.dataset.pipeline.2.scale': _scale,
        'train_dataloader.dataset.pipeline.2.ratio_range': (0.67, 1.5),
        'train_dataloader.dataset.pipeline.3.crop_size': _crop_size,
        'val_dataloader.dataset.pipeline.1.scale': _scale,
        'test_dataloader.dataset.pipeline.1.scale': _scale,
        'optim_wrapper.optimizer.lr': _rate,
        'param_scheduler.0.end': _base_._iters,
    },
)
_twice = {
    'max_iters': 2 * _base_._iters,
    'train_cfg.max_iters': 2 * _base_._iters,
    'param_scheduler.0.end': 2 * _base_._iters,
}
_heads = ('deeplabv3plus', 'danet')
_methods = dict(_delete_=True)
for _head in _heads:
    _config = f'../coop/{_head}_r18'
    _single = f'{_config}_single_camvid.py'
    _methods |= {
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
    _methods |= {
        f'{_head}_{method}_{network}_scratch': dict(
            of=f'{_head}_{method}_scratch', predict=network
        )
        for method in ('same', 'multi')
        for network in ('top', 'mean')
    }
methods = _methods
# What the tables' gains are over.
baselines = {
    'single': [f'{head}_single_scratch' for head in _heads],
    'two apart': [f'{head}_apart_scratch' for head in _heads],
    'twice as long': [f'{head}_twice_scratch' for head in _heads],
}
