# ToyStreets, drawn on the fly: no files.
_base_ = './common.py'
data_preprocessor = dict(size=(64, 96))
# For files: the scenes come drawn.
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='ToyStreets',
        split='train',
        num_images=2000,
        pipeline=[dict(type='RandomFlip', prob=0.5), dict(type='PackSegInputs')],
    ),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        type='ToyStreets',
        split='val',
        num_images=200,
        pipeline=[dict(type='PackSegInputs')],
    ),
)
test_dataloader = val_dataloader
tta_pipeline = [
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='RandomFlip', prob=prob, direction='horizontal')
                for prob in (0.0, 1.0)
            ],
            [dict(type='PackSegInputs')],
        ],
    )
]
