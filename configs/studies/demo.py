# What `make demo` runs: the four methods on ToyStreets, one seed, for a few minutes.
_base_ = './toy.py'
_iters = 240
seeds = [0]
half = False
options = {
    'train_cfg.max_iters': _iters,
    'train_cfg.val_interval': _iters // 4,
    'param_scheduler.0.end': _iters,
    'default_hooks.checkpoint.interval': _iters,
    # Half of the scenes.
    'val_dataloader.dataset.num_images': 100,
    'test_dataloader.dataset.num_images': 100,
}
methods = dict(
    _delete_=True,
    single=_base_.methods.single,
    ensemble=_base_.methods.ensemble,
    same=_base_.methods.same,
    multi=_base_.methods.multi,
)
