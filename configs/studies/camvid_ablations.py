# One head, one change at a time: how connectors start, how wide they are, where they
# are, and what they compute.
seeds = [0, 1, 2]
half = True
_same = '../coop/deeplabv3plus_r18_same_camvid.py'
_connector = 'model.connections.connector'
_changes = dict(
    same={},
    start_random={f'{_connector}.start': 'random'},
    start_random_norm={
        f'{_connector}.start': 'random',
        f'{_connector}.norm_cfg.type': 'BN',
        f'{_connector}.act_cfg.type': 'ReLU',
    },
    width_quarter={f'{_connector}.width': 16},
    backbone={'model.connections.sites': 'backbone'},
    head={'model.connections.sites': 'decode_head'},
    fusion_sum={f'{_connector}.type': 'SumConnector'},
    fusion_gate={f'{_connector}.type': 'GateConnector'},
    adjacent={'model.connections.pattern': 'adjacent'},
    dense={'model.connections.pattern': 'dense'},
    cross={'model.connections.pattern': 'cross'},
    dropout={'model.connections.dropout': 0.2},
)
methods = {
    name: dict(config=_same, options=options) for name, options in _changes.items()
}
