# Settings of the pretrained study: the learning rate with which the single network is
# trained well, on validation images only. Shares the run `single` with
# camvid_pretrained.py in the same --work-dir.
seeds = [0]
half = True
# Curves are of every fourth validation image, the final test of all.
options = {'val_dataloader.dataset.indices': list(range(0, 101, 4))}
_single = '../coop/deeplabv3plus_effnetlite0_single_camvid.py'
methods = dict(single=dict(config=_single))
methods |= {
    f'single_lr{rate}': dict(
        config=_single, options={'optim_wrapper.optimizer.lr': rate}
    )
    for rate in (0.003, 0.0003)
}
