# What a pair teaches: the pair, a student of its own, and the same student taught by
# the pair of the same seed. With the work dir of camvid_pretrained the first two are
# trained once for both.
_base_ = './camvid_pretrained.py'
seeds = [0, 1, 2]
methods = dict(
    _delete_=True,
    single=dict(config=f'{_base_._coop}single_camvid.py'),
    multi=dict(config=f'{_base_._coop}multi_camvid.py'),
    student=dict(
        config=f'{_base_._coop}distilled_camvid.py',
        networks_init=['multi', 'multi', None],
    ),
    student_disagreement=dict(
        config=f'{_base_._coop}distilled_camvid.py',
        networks_init=['multi', 'multi', None],
        options={'model.cooperation_losses.0.weigh_disagreement': True},
    ),
    multi_mean=dict(of='multi', predict='mean'),
)
baselines = dict(_delete_=True, single=['single'], pair=['multi'])
