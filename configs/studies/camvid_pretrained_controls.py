# What a sceptic asks of the pretrained pair: is it cooperation, or only a larger
# network? Shares runs with camvid_pretrained.py in the same --work-dir.
seeds = [0, 1, 2]
half = True
options = {'val_dataloader.dataset.indices': list(range(0, 101, 4))}
_coop = '../coop/deeplabv3plus_effnetlite0_'
_same = f'{_coop}same_camvid.py'
methods = dict(
    single=dict(config=f'{_coop}single_camvid.py'),
    same=dict(config=_same),
    # Two networks trained at the same time, on the same batches.
    ensemble=dict(config=f'{_coop}ensemble_camvid.py'),
    loss2=dict(config=_same, options={'model.loss_weights': [0, 1]}),
    detach=dict(config=_same, options={'model.connections.detach': True}),
)
baselines = {'single': ['single'], 'ensemble': ['ensemble'], 'same': ['same']}
