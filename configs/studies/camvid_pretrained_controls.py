# Controls and ablations of `multi` that a CPU can train: is its lead after 300
# iterations cooperation or only a larger network, and which connections does it come
# from? The same for long training: camvid_long_controls.py, camvid_long_ablations.py.
_base_ = ['./camvid_pretrained.py', '../_base_/studies/larger_networks.py']
_single = '../coop/deeplabv3plus_effnetlite0_single_camvid.py'
_connections = 'model.connections'
_connector = f'{_connections}.connector'
_multi = '../coop/deeplabv3plus_effnetlite0_multi_camvid.py'
_changes = dict(
    # Trained on the second loss alone: one network with a second backbone.
    loss2={'model.loss_weights': [0, 1]},
    # The second loss does not train the first network.
    detach={f'{_connections}.detach': True},
    head={f'{_connections}.sites': 'decode_head'},
    backbone={f'{_connections}.sites': 'backbone'},
    random={f'{_connector}.start': 'random'},
    random_norm={
        f'{_connector}.start': 'random',
        f'{_connector}.norm_cfg.type': 'BN',
        f'{_connector}.act_cfg.type': 'ReLU',
    },
    sum={f'{_connector}.type': 'SumConnector'},
    gate={f'{_connector}.type': 'GateConnector'},
    # A quarter of the 64 channels of the heads.
    width16={f'{_connector}.width': 16, f'{_connections}.aggregation.width': 16},
)
methods = dict(
    _delete_=True,
    single=_base_.methods.single,
    # With the FLOPs of a pair.
    wide=dict(config=_single, options=_base_._wide),
    multi=_base_.methods.multi,
    **{
        f'multi_{name}': dict(config=_multi, options=change)
        for name, change in _changes.items()
    },
)
baselines = dict(_delete_=True, single=['single'], multi=['multi'])
