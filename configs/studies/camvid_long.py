# The main table, for a GPU: both heads on a pretrained backbone, sixteen times as long
# as camvid_pretrained.py, with batches twice as large.
seeds = [0, 1, 2, 3, 4]
half = True
_iters = 4800
options = {
    'train_dataloader.batch_size': 8,
    # Curves are of every fourth validation image, the final test of all.
    'val_dataloader.dataset.indices': list(range(0, 101, 4)),
    # Not in mixed precision, which the schedule takes where there is any.
    'optim_wrapper.type': 'OptimWrapper',
    # Connectors learn at the rate of all, so that one group of parameters will do: the
    # optimizer's step is hundreds of kernels shorter.
    'optim_wrapper.paramwise_cfg': None,
    'max_iters': _iters,
    'train_cfg.max_iters': _iters,
    'train_cfg.val_interval': _iters // 6,
    'param_scheduler.1.end': _iters,
    'default_hooks.logger.interval': _iters // 40,
    'default_hooks.checkpoint.interval': _iters // 3,
    'default_hooks.cooperation.interval': _iters // 6,
}
_twice = {
    'max_iters': 2 * _iters,
    'train_cfg.max_iters': 2 * _iters,
    'param_scheduler.1.end': 2 * _iters,
}
_heads = ('deeplabv3plus', 'danet')
methods = {}
for _head in _heads:
    _config = f'../coop/{_head}_effnetlite0'
    methods |= {
        f'{_head}_{_method}': dict(config=f'{_config}_{_method}_camvid.py')
        for _method in ('single', 'same', 'multi')
    }
    # More of them, for ensembles without a network in common.
    methods[f'{_head}_single']['seeds'] = list(range(10))
    # The cost of a pair spent on one network.
    methods[f'{_head}_twice'] = dict(
        config=f'{_config}_single_camvid.py', options=_twice
    )
    methods |= {
        f'{_head}_{method}_{network}': dict(of=f'{_head}_{method}', predict=network)
        for method in ('same', 'multi')
        for network in ('top', 'mean')
    }
    # The ensemble, of networks that are trained apart: it costs no training.
    methods[f'{_head}_apart'] = dict(
        config=f'{_config}_ensemble_camvid.py',
        networks=f'{_head}_single',
        seeds=[(0, 1), (2, 9), (3, 4), (5, 6), (7, 8)],
    )
# More seeds for the smaller difference: a pair or a single network that is trained
# twice as long?
for _method in ('multi', 'twice'):
    methods[f'deeplabv3plus_{_method}']['seeds'] = list(range(7))
# What the tables' gains are over.
baselines = {
    'single': [f'{head}_single' for head in _heads],
    'two apart': [f'{head}_apart' for head in _heads],
    'twice as long': [f'{head}_twice' for head in _heads],
}
