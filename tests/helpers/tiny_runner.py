"""A tiny cooperative model in MMEngine's Runner."""

import torch
from mmengine.config import ConfigDict
from mmengine.runner import Runner
from mmseg.registry import DATASETS
from torch.utils.data import Dataset

from helpers.tiny import BACKBONE, NUM_CLASSES, make_samples, network_config


@DATASETS.register_module()
class RandomScenes(Dataset):
    """Four random images with labels."""

    def __init__(self, num_classes: int = NUM_CLASSES):
        self.num_classes = num_classes

    @property
    def metainfo(self):
        return dict(classes=[f'class {i}' for i in range(self.num_classes)])

    def __len__(self):
        return 4

    def __getitem__(self, i):
        generator = torch.Generator().manual_seed(i)
        label = torch.randint(0, self.num_classes, (1, 1, 32, 32), generator=generator)
        image = torch.randint(
            0, 256, (3, 32, 32), generator=generator, dtype=torch.uint8
        )
        (sample,) = make_samples(label)
        sample.set_metainfo(dict(img_path=f'{i}.png'))
        return dict(inputs=image, data_samples=sample)


def loader(shuffle: bool, infinite: bool) -> dict:
    kind = 'InfiniteSampler' if infinite else 'DefaultSampler'
    return dict(
        batch_size=2,
        num_workers=0,
        sampler=dict(type=kind, shuffle=shuffle),
        dataset=dict(type='RandomScenes'),
    )


PAIR = dict(type='CooperativeEncoderDecoder', connections=dict(pattern='same'))


def make_runner(
    work_dir,
    iters=4,
    hooks=(),
    optim=None,
    single=False,
    kind=Runner,
    backbone=BACKBONE,
    network=None,
    **changes,
) -> Runner:
    model = network_config(
        'danet',
        **({} if single else PAIR) | (network or {}),
        backbone=backbone,
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[128.0] * 3,
            std=[64.0] * 3,
            size=(32, 32),
        ),
    )
    config = dict(
        default_scope='mmseg',
        work_dir=str(work_dir),
        model=model,
        train_dataloader=loader(True, True),
        val_dataloader=loader(False, False),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iters, val_interval=iters),
        val_cfg=dict(type='ValLoop'),
        val_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
        optim_wrapper=dict(
            {'type': 'OptimWrapper', 'optimizer': dict(type='SGD', lr=0.01)},
            **(optim or {}),
        ),
        default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook', by_epoch=False, interval=2, save_best='mIoU'
            )
        ),
        custom_hooks=list(hooks),
        randomness=dict(seed=0),
        log_level='WARNING',
        # Another test's runner of the same second would lend it its logger.
        experiment_name=str(work_dir).replace('/', '-'),
    )
    config.update(changes)
    return kind.from_cfg(ConfigDict(config))
