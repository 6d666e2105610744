# A pair, frozen, teaches a student: the single network.
student = dict(
    networks=[
        dict(name='top', frozen=True),
        dict(name='bottom', frozen=True),
        dict(name='student'),
    ],
    connections=dict(among=['top', 'bottom']),
    cooperation_losses=[dict(type='DistillLoss', student='student', temperature=2.0)],
    test_cfg=dict(predict='student'),
)
