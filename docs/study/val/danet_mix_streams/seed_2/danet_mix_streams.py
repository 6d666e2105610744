backbone = dict(
    features_only=True,
    init_cfg=dict(
        checkpoint='pretrained/efficientnet_lite0.pth', type='Pretrained'),
    model_name='tf_efficientnet_lite0',
    out_indices=(
        1,
        2,
        3,
        4,
    ),
    output_stride=16,
    pretrained=False,
    type='TIMMBackbone')
crop_size = (
    96,
    128,
)
custom_imports = dict(
    allow_failed_imports=False,
    imports=[
        'mmseg_coop',
        'mmseg_coop.checkpoints.safe',
    ])
data_preprocessor = dict(
    bgr_to_rgb=True,
    mean=[
        123.675,
        116.28,
        103.53,
    ],
    pad_val=0,
    seg_pad_val=255,
    size=(
        96,
        128,
    ),
    std=[
        58.395,
        57.12,
        57.375,
    ],
    type='SegDataPreProcessor')
dataset = dict(data_root='data/camvid/', type='CamVidDataset')
default_hooks = dict(
    checkpoint=dict(
        by_epoch=False,
        interval=1600,
        max_keep_ckpts=1,
        rule='greater',
        save_best='mIoU',
        type='SafeCheckpointHook'),
    checkpoint_match=dict(type='CheckpointMatchHook'),
    compile=dict(type='CompileTestHook'),
    cooperation=dict(interval=800, type='CooperationHook'),
    data_faults=dict(policy='stop', type='DataFaultsHook'),
    evaluation=dict(type='CoopEvaluationHook'),
    logger=dict(interval=120, log_metric_by_epoch=False, type='LoggerHook'),
    non_finite=dict(policy='stop', type='NonFiniteHook'),
    param_scheduler=dict(type='ParamSchedulerHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    stop=dict(type='StopHook'),
    timer=dict(type='IterTimerHook'),
    visualization=dict(type='SegVisualizationHook'))
default_scope = 'mmseg'
env_cfg = dict(
    cudnn_benchmark=True,
    dist_cfg=dict(backend='nccl'),
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
launcher = 'none'
load_from = None
log_level = 'INFO'
log_processor = dict(by_epoch=False)
loss = dict(loss_weight=1.0, type='CrossEntropyLoss', use_sigmoid=False)
max_iters = 4800
model = dict(
    auxiliary_head=dict(
        align_corners=False,
        channels=32,
        concat_input=False,
        dropout_ratio=0.1,
        in_channels=112,
        in_index=2,
        loss_decode=dict(
            loss_weight=0.4, type='CrossEntropyLoss', use_sigmoid=False),
        norm_cfg=dict(requires_grad=True, type='BN'),
        num_classes=11,
        num_convs=1,
        type='FCNHead'),
    backbone=dict(
        features_only=True,
        init_cfg=dict(
            checkpoint='pretrained/efficientnet_lite0.pth', type='Pretrained'),
        model_name='tf_efficientnet_lite0',
        out_indices=(
            1,
            2,
            3,
            4,
        ),
        output_stride=16,
        pretrained=False,
        type='TIMMBackbone'),
    connections=dict(
        aggregation=dict(width=64), mix_streams=True, pattern='multi'),
    data_preprocessor=dict(
        bgr_to_rgb=True,
        mean=[
            123.675,
            116.28,
            103.53,
        ],
        pad_val=0,
        seg_pad_val=255,
        size=(
            96,
            128,
        ),
        std=[
            58.395,
            57.12,
            57.375,
        ],
        type='SegDataPreProcessor'),
    decode_head=dict(
        align_corners=False,
        channels=64,
        dropout_ratio=0.1,
        in_channels=320,
        in_index=3,
        loss_decode=dict(
            loss_weight=1.0, type='CrossEntropyLoss', use_sigmoid=False),
        norm_cfg=dict(requires_grad=True, type='BN'),
        num_classes=11,
        pam_channels=8,
        type='EfficientDAHead'),
    pretrained=None,
    test_cfg=dict(mode='whole'),
    train_cfg=dict(),
    type='CooperativeEncoderDecoder')
norm_cfg = dict(requires_grad=True, type='BN')
optim_wrapper = dict(
    clip_grad=None,
    optimizer=dict(
        betas=(
            0.9,
            0.999,
        ), lr=0.003, type='AdamW', weight_decay=0.01),
    paramwise_cfg=None,
    type='OptimWrapper')
optimizer = dict(lr=0.01, momentum=0.9, type='SGD', weight_decay=0.0005)
param_scheduler = [
    dict(begin=0, by_epoch=False, end=30, start_factor=0.1, type='LinearLR'),
    dict(
        begin=30,
        by_epoch=False,
        end=4800,
        eta_min=0,
        power=0.9,
        type='PolyLR'),
]
randomness = dict(seed=2)
resume = False
scale = (
    192,
    144,
)
test_cfg = dict(type='CoopTestLoop')
test_dataloader = dict(
    batch_size=1,
    dataset=dict(
        data_prefix=dict(img_path='img_dir/val', seg_map_path='ann_dir/val'),
        data_root='data/camvid/',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(keep_ratio=True, scale=(
                192,
                144,
            ), type='Resize'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
        type='CamVidDataset'),
    num_workers=2,
    persistent_workers=True,
    sampler=dict(shuffle=False, type='DefaultSampler'))
test_evaluator = dict(
    iou_metrics=[
        'mIoU',
    ], type='CoopIoUMetric')
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(keep_ratio=True, scale=(
        192,
        144,
    ), type='Resize'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
train_cfg = dict(max_iters=4800, type='ResumableTrainLoop', val_interval=800)
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        data_prefix=dict(
            img_path='img_dir/train', seg_map_path='ann_dir/train'),
        data_root='data/camvid/',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(
                keep_ratio=True,
                ratio_range=(
                    0.67,
                    1.5,
                ),
                scale=(
                    192,
                    144,
                ),
                type='RandomResize'),
            dict(cat_max_ratio=0.75, crop_size=(
                96,
                128,
            ), type='RandomCrop'),
            dict(prob=0.5, type='RandomFlip'),
            dict(type='PhotoMetricDistortion'),
            dict(type='PackSegInputs'),
        ],
        type='CamVidDataset'),
    num_workers=2,
    persistent_workers=True,
    sampler=dict(shuffle=True, type='InfiniteSampler'))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        keep_ratio=True,
        ratio_range=(
            0.67,
            1.5,
        ),
        scale=(
            192,
            144,
        ),
        type='RandomResize'),
    dict(cat_max_ratio=0.75, crop_size=(
        96,
        128,
    ), type='RandomCrop'),
    dict(prob=0.5, type='RandomFlip'),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
tta_model = dict(type='SegTTAModel')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        transforms=[
            [
                dict(keep_ratio=True, scale=(
                    180,
                    135,
                ), type='Resize'),
                dict(keep_ratio=True, scale=(
                    240,
                    180,
                ), type='Resize'),
                dict(keep_ratio=True, scale=(
                    300,
                    225,
                ), type='Resize'),
            ],
            [
                dict(direction='horizontal', prob=0.0, type='RandomFlip'),
                dict(direction='horizontal', prob=1.0, type='RandomFlip'),
            ],
            [
                dict(type='LoadAnnotations'),
            ],
            [
                dict(type='PackSegInputs'),
            ],
        ],
        type='TestTimeAug'),
]
val_cfg = dict(type='CoopValLoop')
val_dataloader = dict(
    batch_size=1,
    dataset=dict(
        data_prefix=dict(img_path='img_dir/val', seg_map_path='ann_dir/val'),
        data_root='data/camvid/',
        indices=[
            0,
            4,
            8,
            12,
            16,
            20,
            24,
            28,
            32,
            36,
            40,
            44,
            48,
            52,
            56,
            60,
            64,
            68,
            72,
            76,
            80,
            84,
            88,
            92,
            96,
            100,
        ],
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(keep_ratio=True, scale=(
                192,
                144,
            ), type='Resize'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
        type='CamVidDataset'),
    num_workers=2,
    persistent_workers=True,
    sampler=dict(shuffle=False, type='DefaultSampler'))
val_evaluator = dict(
    iou_metrics=[
        'mIoU',
    ], type='CoopIoUMetric')
vis_backends = [
    dict(type='LocalVisBackend'),
]
visualizer = dict(
    name='visualizer',
    type='SegLocalVisualizer',
    vis_backends=[
        dict(type='LocalVisBackend'),
    ])
work_dir = 'work_dirs/camvid_long/danet_mix_streams/seed_2/tests/val'
