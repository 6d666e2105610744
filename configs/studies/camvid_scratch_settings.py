# The learning rate of camvid_scratch.py: that with which the single DeepLabV3+ is best,
# on validation images only.
_base_ = './camvid_scratch.py'
seeds = [0, 1]
methods = dict(
    _delete_=True,
    **{
        f'scratch_lr{_tried}': dict(
            config='../coop/deeplabv3plus_r18_single_camvid.py',
            options={'optim_wrapper.optimizer.lr': _tried},
        )
        for _tried in (0.02, 0.05, 0.1)
    },
)
baselines = dict(_delete_=True)
