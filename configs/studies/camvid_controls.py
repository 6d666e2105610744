# What a sceptic asks: would a wider network, a longer training or an ensemble have done
# the same, and is it cooperation or only a larger network?
seeds = [0, 1, 2]
half = True
_twice = {
    'max_iters': 2760,
    'train_cfg.max_iters': 2760,
    'param_scheduler.0.end': 2760,
}
# As wide as a pair's parameters and FLOPs ask for: 46 of 32 channels, two to the half.
_wide = {
    'model.backbone.base_channels': 46,
    'model.backbone.stem_channels': 46,
    'model.decode_head.in_channels': 368,
    'model.auxiliary_head.in_channels': 184,
}
_average = {'custom_hooks': [dict(type='EMAHook', momentum=0.002, update_buffers=True)]}
_heads = ('danet', 'deeplabv3plus')
methods = {}
for _head in _heads:
    _single = f'../coop/{_head}_r18_single_camvid.py'
    _same = f'../coop/{_head}_r18_same_camvid.py'
    _ensemble = f'../coop/{_head}_r18_ensemble_camvid.py'
    _levels = {'model.decode_head.c1_in_channels': 46} if _head != 'danet' else {}
    methods |= {
        f'{_head}_single': dict(config=_single),
        f'{_head}_wide': dict(config=_single, options={**_wide, **_levels}),
        f'{_head}_twice': dict(config=_single, options=_twice),
        f'{_head}_ema': dict(config=_single, options=_average),
        f'{_head}_same': dict(config=_same),
        f'{_head}_loss2': dict(config=_same, options={'model.loss_weights': [0, 1]}),
        f'{_head}_detach': dict(
            config=_same, options={'model.connections.detach': True}
        ),
        f'{_head}_apart2': dict(
            config=_ensemble, networks=f'{_head}_single', seeds=[(0, 1), (1, 2), (2, 0)]
        ),
        f'{_head}_apart3': dict(
            config=_ensemble,
            networks=f'{_head}_single',
            seeds=[(0, 1, 2)],
            options={'model.num_networks': 3},
        ),
    }
# What the tables' gains are over.
baselines = {
    'single': [f'{head}_single' for head in ('danet', 'deeplabv3plus')],
    'two apart': [f'{head}_apart2' for head in ('danet', 'deeplabv3plus')],
    'wide': [f'{head}_wide' for head in ('danet', 'deeplabv3plus')],
}
