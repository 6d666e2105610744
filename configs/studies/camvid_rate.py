# The learning rate of configs/_base_/schedules/schedule_camvid.py, from scratch.
seeds = [0]
half = True
# Not in mixed precision, which the schedule takes where there is any.
options = {'optim_wrapper.type': 'OptimWrapper'}
methods = {
    f'rate{_rate}': dict(
        config='../coop/deeplabv3plus_r18_single_camvid.py',
        options={'optim_wrapper.optimizer.lr': _rate},
    )
    for _rate in (0.05, 0.1)
}
