# The main table: both heads, four methods, five seeds; every network of a pair and
# their mean come from the same runs.
seeds = [0, 1, 2, 3, 4]
half = True
_methods = ('single', 'ensemble', 'same', 'multi')
methods = {
    f'{head}_{method}': dict(config=f'../coop/{head}_r18_{method}_camvid.py')
    for head in ('danet', 'deeplabv3plus')
    for method in _methods
}
methods |= {
    f'{head}_{method}_{network}': dict(of=f'{head}_{method}', predict=network)
    for head in ('danet', 'deeplabv3plus')
    for method in ('same', 'multi')
    for network in ('top', 'mean')
}
methods |= {
    f'{head}_apart': dict(
        config=f'../coop/{head}_r18_ensemble_camvid.py',
        networks=f'{head}_single',
        seeds=[(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)],
    )
    for head in ('danet', 'deeplabv3plus')
}
