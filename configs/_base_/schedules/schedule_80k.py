# MMSegmentation's schedule_80k (poly SGD), its schedule for Cityscapes. The paper
# gives neither rates nor iterations.
max_iters = 80000
optimizer = dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=0.0005)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=optimizer,
    clip_grad=None,
    # New layers beside pretrained ones learn 10 times as fast, as the heads do in
    # MMSegmentation's configs/setr. A single network has none of these.
    paramwise_cfg=dict(
        custom_keys={
            'connectors': dict(lr_mult=10.0),
            'aggregations': dict(lr_mult=10.0),
        }
    ),
)
param_scheduler = [
    dict(type='PolyLR', eta_min=1e-4, power=0.9, begin=0, end=max_iters, by_epoch=False)
]
train_cfg = dict(type='ResumableTrainLoop', max_iters=max_iters, val_interval=8000)
# They make label maps only where nothing else of a prediction is read.
val_cfg = dict(type='CoopValLoop')
test_cfg = dict(type='CoopTestLoop')
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    # "We use validation set to get the best model" (Section 4.1.2).
    checkpoint=dict(
        type='SafeCheckpointHook',
        by_epoch=False,
        interval=8000,
        save_best='mIoU',
        rule='greater',
    ),
    # A checkpoint of another model is refused.
    checkpoint_match=dict(type='CheckpointMatchHook'),
    # Stop at a loss or gradient that is not finite; policy='skip' leaves such
    # iterations out.
    non_finite=dict(type='NonFiniteHook', policy='stop'),
    # A wrong image or label ends a run; policy='skip' leaves it out of training.
    data_faults=dict(type='DataFaultsHook', policy='stop'),
    # Told to stop, it saves and leaves.
    stop=dict(type='StopHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='SegVisualizationHook'),
    # Validation and test report every network.
    evaluation=dict(type='CoopEvaluationHook'),
    compile=dict(type='CompileTestHook'),
    # Loss of each network, strength of connectors, similarity of feature maps.
    cooperation=dict(type='CooperationHook', interval=1000),
)
