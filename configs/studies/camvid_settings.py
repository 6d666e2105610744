# Settings in which the single network is trained to its end, and seeds differ little:
# learning rate and iterations, tuned on the validation images only.
seeds = [0, 1]
half = True
_single = '../coop/deeplabv3plus_r18_single_camvid.py'
methods = {
    f'lr{rate}_iters{iters}': dict(
        config=_single,
        options={
            'optim_wrapper.optimizer.lr': rate,
            'max_iters': iters,
            'train_cfg.max_iters': iters,
            'train_cfg.val_interval': iters // 12,
            'param_scheduler.0.end': iters,
            'default_hooks.checkpoint.interval': iters // 12,
        },
    )
    for rate in (0.02, 0.05, 0.1)
    for iters in (1380, 2760, 5520)
}
