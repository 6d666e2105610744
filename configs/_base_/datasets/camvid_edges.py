# CamVid as in camvid.py with a fourth channel: the strength of edges, as
# tools/dataset_converters/edges.py writes it to edge_dir. Depth or infrared takes the
# same way: another folder, and its own mean and standard deviation.
_base_ = './camvid.py'
crop_size = (180, 240)
scale = (240, 180)
edges = dict(type='LoadModality', replace=('img_dir', 'edge_dir'), suffix='.png')
# Those of edges: of the training images.
data_preprocessor = dict(
    mean=[123.675, 116.28, 103.53, 16.5], std=[58.395, 57.12, 57.375, 28.4]
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # Colours are changed while there are three channels.
    dict(type='PhotoMetricDistortion'),
    edges,
    dict(type='RandomResize', scale=scale, ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    edges,
    dict(type='Resize', scale=scale, keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    edges,
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=size, keep_ratio=True)
                for size in ((180, 135), scale, (300, 225))
            ],
            [
                dict(type='RandomFlip', prob=prob, direction='horizontal')
                for prob in (0.0, 1.0)
            ],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
