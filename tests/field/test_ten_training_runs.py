"""Training runs that people report about: a pair beside MMSegmentation's network."""

import pickle

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_coop.engine.train_loop import ResumableTrainLoop

from helpers.street_files import CONFIGS
from helpers.tiny import BACKBONE, NUM_CLASSES, network_config
from helpers.tiny_runner import PAIR, loader, make_runner

BANDS = 7
both = pytest.mark.parametrize('single', [True, False])


def runner(folder, single, iters=2, hooks=(), **changes):
    """A training run by this project's schedules, of a pair or of a single network."""
    metric = 'IoUMetric' if single else 'CoopIoUMetric'
    config = dict(
        hooks=[*hooks, *([] if single else [dict(type='CoopEvaluationHook')])],
        val_evaluator=dict(type=metric, iou_metrics=['mIoU']),
        train_cfg=dict(type='ResumableTrainLoop', max_iters=iters, val_interval=1),
        default_hooks=dict(
            checkpoint=dict(type='SafeCheckpointHook', by_epoch=False, interval=1)
        ),
    )
    return make_runner(folder, single=single, **{**config, **changes})


def load(path) -> dict:
    return torch.load(path, weights_only=False)


def equal(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@both
def test_averaged_weights_are_tested_and_resumed(single, tmp_path):
    """open-mmlab/mmengine#1678, lightly-ai/lightly-train#892."""
    average = [dict(type='EMAHook', momentum=0.1)]
    match = [dict(type='CheckpointMatchHook')]
    trained = runner(tmp_path / 'a', single, hooks=average + match)
    trained.train()
    validated = trained.message_hub.get_scalar('val/mIoU').current()
    end = load(tmp_path / 'a' / 'iter_2.pth')
    raw = {key[7:]: value for key, value in end['ema_state_dict'].items()}
    assert any(not torch.equal(end['state_dict'][key], raw[key]) for key in raw if key)

    # What a checkpoint has as its weights is the average: no hook is needed to test.
    path = str(tmp_path / 'a' / 'iter_2.pth')
    plain = runner(tmp_path / 'b', single, hooks=match, load_from=path)
    assert plain.val()['mIoU'] == pytest.approx(validated)

    resumed = runner(
        tmp_path / 'c',
        single,
        hooks=average + match,
        resume=True,
        load_from=str(tmp_path / 'a' / 'iter_1.pth'),
    )
    resumed.train()
    again = load(tmp_path / 'c' / 'iter_2.pth')
    for key in ('state_dict', 'ema_state_dict'):
        assert equal(again[key], end[key])


@pytest.mark.parametrize(('single', 'monitor'), [(True, 'mIoU'), (False, 'top/mIoU')])
def test_early_stopping_watches_any_network(single, monitor, tmp_path):
    """open-mmlab/mmdetection#12302."""
    stop = dict(
        type='EarlyStoppingHook',
        monitor=monitor,
        rule='greater',
        patience=2,
        min_delta=100.0,
    )
    trained = runner(tmp_path, single, iters=6, hooks=[stop])
    trained.train()
    assert trained.iter == 3


def test_validation_alone(tmp_path):
    """open-mmlab/mmengine#1587: where the config keeps the best checkpoint."""
    config = Config.fromfile(CONFIGS / 'deeplabv3plus_r18_same_toy.py')
    config.merge_from_dict({'val_dataloader.dataset.num_images': 2})
    config.work_dir = str(tmp_path)
    assert config.default_hooks.checkpoint.save_best
    found = Runner.from_cfg(config).val()
    assert 0 <= found['mIoU'] <= 100
    assert not list(tmp_path.glob('*.pth'))


@both
def test_compilation_that_is_switched_off(single, tmp_path):
    """open-mmlab/mmengine#1674, VBTI-development/onedl-mmengine#22."""
    for name, changes in (('off', dict(compile=dict(disable=True))), ('none', {})):
        runner(tmp_path / name, single, iters=1, **changes).train()
    found, expected = (
        load(tmp_path / name / 'iter_1.pth')['state_dict'] for name in ('off', 'none')
    )
    assert equal(found, expected)


def test_what_spawned_workers_are_given_can_be_pickled(tmp_path):
    """hiyouga/LlamaFactory#10764: Windows and macOS start workers by pickling."""
    loop = runner(tmp_path, single=False).train_loop
    assert isinstance(loop, ResumableTrainLoop)
    found = loop.dataloader
    for part in (found.dataset, found.collate_fn, found.worker_init_fn):
        pickle.loads(pickle.dumps(part))


@TRANSFORMS.register_module()
class LoadBands(BaseTransform):
    """A user's own loader, of images that no image library reads."""

    def transform(self, results: dict) -> dict:
        image = np.load(results['img_path']).astype(np.float32) / 1000
        shape = image.shape[:2]
        return dict(results, img=image, img_shape=shape, ori_shape=shape)


@pytest.fixture
def band_images(tmp_path) -> dict:
    """Config of a dataset of 16-bit images with seven bands."""
    for folder in ('images', 'labels'):
        (tmp_path / folder).mkdir()
    random = np.random.default_rng(0)
    for i in range(3):
        image = random.integers(0, 4000, (32, 48, BANDS), np.uint16)
        label = random.integers(0, NUM_CLASSES, (32, 48), np.uint8)
        np.save(tmp_path / 'images' / f'{i}.npy', image)
        Image.fromarray(label).save(tmp_path / 'labels' / f'{i}.png')
    return dict(
        type='BaseSegDataset',
        data_root=str(tmp_path),
        data_prefix=dict(img_path='images', seg_map_path='labels'),
        img_suffix='.npy',
        metainfo=dict(classes=tuple('abcde')),
        pipeline=[
            dict(type='LoadBands'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )


@both
def test_images_of_seven_bands_from_joined_datasets(single, band_images, tmp_path):
    """ultralytics/ultralytics#22620 and #23039."""
    model = network_config(
        'deeplabv3plus',
        **({} if single else PAIR),
        backbone=dict(BACKBONE, in_channels=BANDS),
        data_preprocessor=dict(type='SegDataPreProcessor', size=(32, 48)),
    )
    joined = dict(
        type='ConcatDataset',
        datasets=[
            dict(type='RepeatDataset', dataset=band_images, times=2),
            band_images,
        ],
    )
    trained = runner(
        tmp_path / 'run',
        single,
        iters=1,
        hooks=[dict(type='DataFaultsHook'), dict(type='NonFiniteHook')],
        model=model,
        train_dataloader=dict(loader(True, True), dataset=joined),
        val_dataloader=dict(loader(False, False), dataset=band_images),
    )
    trained.train()
    assert len(trained.train_dataloader.dataset) == 9
    assert np.isfinite(trained.message_hub.get_scalar('val/mIoU').current())
