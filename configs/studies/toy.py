# A study of minutes: the four methods on ToyStreets, three seeds each.
seeds = [0, 1, 2]
half = True
_coop = '../coop/deeplabv3plus_r18_'
methods = dict(
    single=dict(config=f'{_coop}single_toy.py'),
    ensemble=dict(config=f'{_coop}ensemble_toy.py'),
    same=dict(config=f'{_coop}same_toy.py'),
    multi=dict(config=f'{_coop}multi_toy.py'),
    # Tested only: two single networks that were trained apart.
    apart=dict(
        config=f'{_coop}ensemble_toy.py', networks='single', seeds=[(0, 1), (1, 2)]
    ),
)
