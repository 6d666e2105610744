# Settings of the pretrained study: the learning rate with which the single network is
# trained well, on validation images only.
seeds = [0]
half = True
# Curves are of every fourth validation image, the final test of all.
options = {'val_dataloader.dataset.indices': list(range(0, 101, 4))}
methods = {
    f'single_lr{rate}': dict(
        config='../coop/deeplabv3plus_effnetlite0_single_camvid.py',
        options={'optim_wrapper.optimizer.lr': rate},
    )
    for rate in (0.001, 0.003)
}
