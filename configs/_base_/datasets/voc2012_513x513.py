# PASCAL VOC 2012 with the annotations of SBD: 10,582 images to train, 1,449 to
# validate, 1,456 to test (Section 4.1.2). "We randomly cropped the images of 513 x 513
# pixels from training set in training phase, and we cropped the center region in
# validation and test phase": no image has more than 500 pixels a side, so that the
# region is the whole image, padded.
_base_ = './common.py'
crop_size = (513, 513)
data_preprocessor = dict(size=crop_size, test_cfg=dict(size=crop_size))
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # Scale and ratios as in MMSegmentation's pascal_voc12_aug.
    dict(
        type='RandomResize', scale=(2048, 513), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='CenterRegion', crop_size=crop_size),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='CenterRegion', crop_size=crop_size),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='RandomFlip', prob=prob, direction='horizontal')
                for prob in (0.0, 1.0)
            ],
            [dict(type='PackSegInputs')],
        ],
    ),
]
dataset = dict(type='PascalVOCDataset', data_root='data/VOCdevkit/VOC2012')
train_dataloader = dict(
    # For each GPU; the schedule is made for 4 of them.
    batch_size=4,
    num_workers=4,
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(
                dataset,
                ann_file=f'ImageSets/Segmentation/{split}.txt',
                data_prefix=dict(img_path='JPEGImages', seg_map_path=labels),
                pipeline=train_pipeline,
            )
            for split, labels in (
                ('train', 'SegmentationClass'),
                ('aug', 'SegmentationClassAug'),
            )
        ],
    ),
)
val_dataloader = dict(
    num_workers=4,
    dataset=dict(
        dataset,
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader

# The test set has no public labels: tools/test.py --submission writes what the
# evaluation server takes.
submission_dataloader = dict(
    batch_size=1,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        dataset,
        ann_file='ImageSets/Segmentation/test.txt',
        data_prefix=dict(img_path='JPEGImages'),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='CenterRegion', crop_size=crop_size),
            dict(type='PackSegInputs'),
        ],
    ),
)
submission_evaluator = dict(type='VOCSubmission')
