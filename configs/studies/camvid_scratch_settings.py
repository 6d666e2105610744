# The learning rate of camvid_scratch.py: that with which the single network is best, on
# validation images only.
_base_ = './camvid_scratch.py'
seeds = [0, 1]
methods = dict(
    _delete_=True,
    **{
        f'scratch_lr{_rate}': dict(
            config='../coop/deeplabv3plus_r18_single_camvid.py',
            options={'optim_wrapper.optimizer.lr': _rate},
        )
        for _rate in (0.02, 0.05, 0.1)
    },
)
baselines = dict(_delete_=True)
