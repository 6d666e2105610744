# Controls and ablations of `multi` that a CPU can train: is its lead after 300
# iterations cooperation or only a larger network, and which connections does it come
# from? The same for long training: camvid_long_controls.py, camvid_long_ablations.py.
_base_ = './camvid_pretrained.py'
_connections = 'model.connections'
_multi = '../coop/deeplabv3plus_effnetlite0_multi_camvid.py'
_changes = dict(
    # Trained on the second loss alone: one network with a second backbone.
    loss2={'model.loss_weights': [0, 1]},
    # The second loss does not train the first network.
    detach={f'{_connections}.detach': True},
    head={f'{_connections}.sites': 'decode_head'},
    backbone={f'{_connections}.sites': 'backbone'},
    random={f'{_connections}.connector.start': 'random'},
    sum={f'{_connections}.connector.type': 'SumConnector'},
)
methods = dict(
    _delete_=True,
    single=_base_.methods.single,
    multi=_base_.methods.multi,
    **{
        f'multi_{name}': dict(config=_multi, options=change)
        for name, change in _changes.items()
    },
)
baselines = dict(_delete_=True, single=['single'], multi=['multi'])
