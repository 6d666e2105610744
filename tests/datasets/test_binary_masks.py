"""Two classes: masks, their values, and heads with one output."""

import copy

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from PIL import Image

from mmseg_coop.apis import build_runner
from mmseg_coop.datasets import DataFault, check_num_classes
from mmseg_coop.datasets.survey import survey_data

from helpers.street_files import make_files
from helpers.tiny import AUXILIARY_HEAD, HEADS, network_config

CAR = 5
SIGMOID = dict(type='CrossEntropyLoss', use_sigmoid=True)
HEADS_OF_ONE_OUTPUT = (
    dict(num_classes=1),
    dict(num_classes=1, out_channels=1),
    dict(num_classes=2, out_channels=1),
)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Cars, as 1 in ``ann_dir`` and as 255 in ``masks``."""
    root = make_files(tmp_path_factory.mktemp('files'))
    for path in (root / 'ann_dir').rglob('*.png'):
        car = np.array(Image.open(path)) == CAR
        Image.fromarray(car.astype(np.uint8)).save(path)
        mask = root / 'masks' / path.relative_to(root / 'ann_dir')
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(car.astype(np.uint8) * 255).save(mask)
    return root


def make_config(root, labels: str, head: dict, **changes) -> Config:
    def loader(split: str) -> dict:
        dataset = dict(
            type='BaseSegDataset',
            metainfo=dict(classes=('background', 'car')),
            data_root=str(root),
            data_prefix=dict(
                img_path=f'img_dir/{split}', seg_map_path=f'{labels}/{split}'
            ),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations'),
                dict(type='PackSegInputs'),
            ],
        )
        kind = 'InfiniteSampler' if split == 'train' else 'DefaultSampler'
        sampler = dict(type=kind, shuffle=False)
        return dict(batch_size=2, num_workers=0, sampler=sampler, dataset=dataset)

    head = dict(threshold=0.5, loss_decode=SIGMOID, **head)
    model = network_config(
        'deeplabv3plus',
        decode_head={**HEADS['deeplabv3plus'], **head},
        auxiliary_head={**AUXILIARY_HEAD, **head},
        data_preprocessor=dict(type='SegDataPreProcessor', size=(48, 64)),
    )
    return Config(
        dict(
            default_scope='mmseg',
            model=dict(model, **changes),
            train_dataloader=loader('train'),
            val_dataloader=loader('val'),
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=2, val_interval=99),
            val_cfg=dict(type='ValLoop'),
            val_evaluator=dict(type='CoopIoUMetric'),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            custom_hooks=[dict(type='DataFaultsHook')],
            randomness=dict(seed=0),
            launcher='none',
        )
    )


def losses(runner: Runner) -> list[dict]:
    """Losses of each iteration of a training run."""
    found = []

    class Note(Hook):
        def after_train_iter(self, runner, batch_idx, data_batch, outputs):
            found.append({key: float(value) for key, value in outputs.items()})

    runner.register_hook(Note())
    runner.train()
    return found


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('head', HEADS_OF_ONE_OUTPUT, ids=str)
def test_one_output_trains_as_with_the_host(files, head, tmp_path):
    config = make_config(files, 'ann_dir', head)
    config.work_dir = str(tmp_path)
    expected = losses(Runner.from_cfg(copy.deepcopy(config)))
    assert losses(build_runner(copy.deepcopy(config))) == expected
    pair = make_config(
        files,
        'ann_dir',
        head,
        type='CooperativeEncoderDecoder',
        connections=dict(pattern='same'),
    )
    pair.work_dir = str(tmp_path)
    runner = build_runner(pair)
    assert all(np.isfinite(list(step.values())).all() for step in losses(runner))
    assert 0 <= runner.val()['mIoU'] <= 100


@pytest.mark.parametrize('head', HEADS_OF_ONE_OUTPUT, ids=str)
def test_one_output_needs_a_sigmoid(files, head):
    config = make_config(files, 'ann_dir', head)
    check_num_classes(config)
    config.model.auxiliary_head.loss_decode = [SIGMOID, dict(type='CrossEntropyLoss')]
    message = 'auxiliary_head.loss_decode.use_sigmoid: found None, expected True'
    with pytest.raises(ValueError, match=message):
        check_num_classes(config)
    config.model.decode_head.pop('loss_decode')
    with pytest.raises(ValueError, match='model.decode_head.loss_decode.use_sigmoid'):
        check_num_classes(config)


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('policy', ['stop', 'skip'])
def test_masks_of_255_end_a_training(files, policy, tmp_path):
    config = make_config(files, 'masks', HEADS_OF_ONE_OUTPUT[0])
    config.work_dir = str(tmp_path)
    config.custom_hooks[0].policy = policy
    with pytest.raises(DataFault, match='none of class 1 .car.') as error:
        build_runner(config).train()
    assert str(error.value).startswith(f'{files}/masks/train/3.png and other labels: ')


def test_a_survey_finds_masks_of_255(files):
    right, wrong = (
        survey_data(make_config(files, labels, HEADS_OF_ONE_OUTPUT[0]))
        for labels in ('ann_dir', 'masks')
    )
    assert right.faults == []
    assert len(wrong.faults) == 2
    assert all('none of class 1 (car)' in fault for fault in wrong.faults)
