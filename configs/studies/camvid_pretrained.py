# The main table from a pretrained backbone, and what a sceptic asks first. Runs that
# matter most come first: hours may not suffice for all.
seeds = [0, 1, 2]
half = True
# Curves are of every fourth validation image, the final test of all.
options = {'val_dataloader.dataset.indices': list(range(0, 101, 4))}
_coop = '../coop/deeplabv3plus_effnetlite0_'
_same = f'{_coop}same_camvid.py'
methods = dict(
    single=dict(config=f'{_coop}single_camvid.py'),
    same=dict(config=_same),
    multi=dict(config=f'{_coop}multi_camvid.py'),
    ensemble=dict(config=f'{_coop}ensemble_camvid.py'),
    # The cost of a pair spent on one network.
    twice=dict(
        config=f'{_coop}single_camvid.py',
        options={
            'max_iters': 600,
            'train_cfg.max_iters': 600,
            'train_cfg.val_interval': 200,
            'param_scheduler.1.end': 600,
        },
    ),
    # Cooperation, or only a larger network?
    loss2=dict(config=_same, options={'model.loss_weights': [0, 1]}),
    detach=dict(config=_same, options={'model.connections.detach': True}),
)
methods |= {
    f'{method}_{network}': dict(of=method, predict=network)
    for method in ('same', 'multi')
    for network in ('top', 'mean')
}
methods['apart'] = dict(
    config=f'{_coop}ensemble_camvid.py',
    networks='single',
    seeds=[(0, 1), (1, 2), (2, 0)],
)
# What the tables' gains are over.
baselines = {
    'single': ['single'],
    'two apart': ['apart'],
    'twice as long': ['twice'],
}
