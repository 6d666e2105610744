# One head, one change of the `multi` pair at a time: how connectors start, how wide
# they are, where they are, and what they compute. Shares runs with camvid_long.py in
# the same --work-dir.
_base_ = './camvid_long.py'
_connections = 'model.connections'
_connector = f'{_connections}.connector'
_changes = dict(
    start_random={f'{_connector}.start': 'random'},
    start_random_norm={
        f'{_connector}.start': 'random',
        f'{_connector}.norm_cfg.type': 'BN',
        f'{_connector}.act_cfg.type': 'ReLU',
    },
    width_quarter={f'{_connector}.width': 16, f'{_connections}.aggregation.width': 16},
    backbone={f'{_connections}.sites': 'backbone'},
    head={f'{_connections}.sites': 'decode_head'},
    fusion_sum={f'{_connector}.type': 'SumConnector'},
    fusion_gate={f'{_connector}.type': 'GateConnector'},
    cross={f'{_connections}.pattern': 'cross', f'{_connections}.aggregation': None},
    dense={f'{_connections}.pattern': 'dense'},
    dropout={f'{_connections}.dropout': 0.2},
)
_multi = '../coop/deeplabv3plus_effnetlite0_multi_camvid.py'
methods = dict(
    _delete_=True,
    deeplabv3plus_multi=_base_.methods.deeplabv3plus_multi,
    deeplabv3plus_single=_base_.methods.deeplabv3plus_single,
    **{
        name: dict(config=_multi, options=change, seeds=[0, 1, 2])
        for name, change in _changes.items()
    },
)
baselines = dict(
    _delete_=True,
    multi=['deeplabv3plus_multi'],
    single=['deeplabv3plus_single'],
)
