# The main table from a pretrained backbone, with the control that counts most: the cost
# of a pair spent on one network.
seeds = [0, 1, 2]
half = True
# Curves are of every fourth validation image, the final test of all.
options = {'val_dataloader.dataset.indices': list(range(0, 101, 4))}
_coop = '../coop/deeplabv3plus_effnetlite0_'
methods = dict(
    single=dict(config=f'{_coop}single_camvid.py'),
    same=dict(config=f'{_coop}same_camvid.py'),
    multi=dict(config=f'{_coop}multi_camvid.py'),
    twice=dict(
        config=f'{_coop}single_camvid.py',
        options={
            'max_iters': 600,
            'train_cfg.max_iters': 600,
            'train_cfg.val_interval': 200,
            'param_scheduler.1.end': 600,
        },
    ),
)
methods |= {
    f'{method}_{network}': dict(of=method, predict=network)
    for method in ('same', 'multi')
    for network in ('top', 'mean')
}
# The ensemble, of networks that are trained apart: it costs no training.
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
