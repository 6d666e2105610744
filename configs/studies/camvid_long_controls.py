# What a sceptic asks: would a longer training, averaged weights, an ensemble or a
# larger network have done the same, and is it cooperation or only more parameters?
# Shares runs with camvid_long.py in the same --work-dir.
_base_ = ['./camvid_long.py', '../_base_/studies/larger_networks.py']
_few = [0, 1, 2]
_average = {'custom_hooks': [dict(type='EMAHook', momentum=0.002, update_buffers=True)]}
_long = _base_._twice
_heads = _base_._heads
_methods = dict(_delete_=True)
for _head in _heads:
    _config = f'../coop/{_head}_effnetlite0'
    _single, _multi = f'{_config}_single_camvid.py', f'{_config}_multi_camvid.py'
    _methods |= {
        f'{_head}_{_shared}': _base_.methods[f'{_head}_{_shared}']
        for _shared in ('single', 'multi', 'twice', 'apart')
    }
    _changes = {
        'multi_twice': dict(config=_multi, options=_long),
        # Trained on the second loss alone: one network of the size of a pair.
        'loss2': dict(config=_multi, options={'model.loss_weights': [0, 1]}),
        # The second loss does not train the first network.
        'detach': dict(config=_multi, options={'model.connections.detach': True}),
        'ema': dict(config=_single, options=_average),
    }
    _methods |= {
        f'{_head}_{_name}': dict(_method, seeds=_few)
        for _name, _method in _changes.items()
    }
    _methods[f'{_head}_apart3'] = dict(
        config=f'{_config}_ensemble_camvid.py',
        networks=f'{_head}_single',
        seeds=[(0, 1, 2), (3, 4, 8), (5, 6, 7)],
        options={'model.num_networks': 3},
    )
# Larger networks: in the backbone, in the head, and in both, with the FLOPs of a pair.
_deeplab = '../coop/deeplabv3plus_effnetlite0'
_larger = dict(lite2=_base_._lite2, wide_head=_base_._wide_head, wide=_base_._wide)
_methods |= {
    f'deeplabv3plus_{_name}': dict(
        config=f'{_deeplab}_single_camvid.py', options=_options, seeds=_few
    )
    for _name, _options in _larger.items()
}
# Does a pair of networks that are not limited by a narrow head gain, too?
_methods['deeplabv3plus_multi_wide_head'] = dict(
    config=f'{_deeplab}_multi_camvid.py',
    options=_base_._wide_head | {'model.connections.aggregation.width': 192},
    seeds=_few,
)
# Streams of DANet's two attentions.
_methods['danet_mix_streams'] = dict(
    config='../coop/danet_effnetlite0_multi_camvid.py',
    options={'model.connections.mix_streams': True},
    seeds=_few,
)
methods = _methods
baselines = {
    '_delete_': True,
    'single': [f'{head}_single' for head in _heads],
    'wide head': ['deeplabv3plus_wide_head'],
    'multi': [f'{head}_multi' for head in _heads],
}
