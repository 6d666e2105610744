"""Configs build, take a training step and predict, at a reduced size."""

import copy
import functools
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmseg.models import EncoderDecoder
from mmseg.registry import MODELS

from mmseg_coop.models import CooperativeEncoderDecoder

from helpers.tiny import make_samples

CONFIGS = Path(__file__).parents[2] / 'configs' / 'coop'
NETWORKS = ('danet', 'deeplabv3plus')
METHODS = ('single', 'ensemble', 'same', 'multi')
DATASETS = {'cityscapes': 'r101', 'voc2012': 'r101', 'camvid': 'r18', 'toy': 'r18'}
NAMES = [
    f'{network}_{DATASETS[dataset]}_{method}_{dataset}'
    for dataset in DATASETS
    for network in NETWORKS
    for method in METHODS
]
PRETRAINED = [
    *(f'danet_effnetlite0_{method}_camvid' for method in METHODS),
    *(f'deeplabv3plus_effnetlite0_{m}_camvid' for m in METHODS),
]
# Networks that differ, and other connections.
OTHERS = [
    'danet_r18_chain_camvid',
    'danet_r18_distilled_camvid',
    'danet_r18_distilled_toy',
    'danet_r18_frozen_same_camvid',
    'danet_r18_rgb_edges_same_camvid',
    'danet_r18_segformer_b0_cross_camvid',
    'danet_r18_segformer_b0_same_camvid',
    'danet_r18_star_camvid',
    'deeplabv3plus_effnetlite0_distilled_camvid',
    'deeplabv3plus_r18_distilled_camvid',
    'deeplabv3plus_r18_distilled_toy',
    'segformer_b0_single_camvid',
]
# The others hold nothing that these don't, as the tests below show. Of the small ones
# each dataset, network and method is there with each of the others.
TRAINED = [
    'danet_r101_single_cityscapes',
    'deeplabv3plus_r101_multi_voc2012',
    'danet_r18_single_camvid',
    'danet_r18_same_camvid',
    'deeplabv3plus_r18_ensemble_camvid',
    'deeplabv3plus_r18_multi_camvid',
    'danet_r18_ensemble_toy',
    'danet_r18_multi_toy',
    'deeplabv3plus_r18_single_toy',
    'deeplabv3plus_r18_same_toy',
]
PRETRAINED_TRAINED = [
    'danet_effnetlite0_single_camvid',
    'danet_effnetlite0_multi_camvid',
    'deeplabv3plus_effnetlite0_ensemble_camvid',
    'deeplabv3plus_effnetlite0_same_camvid',
]
COOPERATIVE = [name for name in NAMES + PRETRAINED if '_single_' not in name]


@functools.cache
def _read(name: str) -> Config:
    return Config.fromfile(CONFIGS / f'{name}.py')


def load(name: str) -> Config:
    return copy.deepcopy(_read(name))


def test_these_are_all_configs():
    assert {path.stem for path in CONFIGS.glob('*.py')} == {
        *NAMES,
        *PRETRAINED,
        *OTHERS,
    }


@pytest.mark.parametrize('name', TRAINED)
def test_trains_and_predicts(name):
    config = load(name)
    # The pretrained backbone is downloaded when training starts.
    config.model.pretrained = None
    # ResNet-50 has the channels and modules of ResNet-101, fewer times.
    if config.model.backbone.depth == 101:
        config.model.backbone.depth = 50
    config.model.data_preprocessor.update(size=(64, 64), test_cfg=None)
    model = MODELS.build(config.model).train()
    cls = EncoderDecoder if '_single_' in name else CooperativeEncoderDecoder
    assert type(model) is cls

    labels = torch.randint(0, model.num_classes, (2, 1, 64, 64))
    data = dict(
        inputs=[torch.randint(0, 256, (3, 64, 64), dtype=torch.uint8)] * 2,
        data_samples=make_samples(labels),
    )
    optim_wrapper = build_optim_wrapper(model, config.optim_wrapper)
    logged = model.train_step(data, optim_wrapper)
    assert torch.isfinite(logged['loss'])

    with torch.no_grad():
        results = model.eval().test_step(data)
    labels = results[0].pred_sem_seg.data
    assert labels.shape == (1, 64, 64) and labels.max() < model.num_classes


@pytest.mark.parametrize('name', OTHERS + PRETRAINED_TRAINED)
def test_others_train_and_predict(name):
    if 'effnetlite0' in name:
        pytest.importorskip('timm')
    config = load(name).model
    config.data_preprocessor.size = (64, 64)
    if 'frozen' in name:
        # Trained by another config.
        config.networks.top.init = None
    if 'distilled' in name:
        config.networks_init = None
    model = MODELS.build(config).train()
    channels = 4 if 'edges' in name else 3
    classes = config.decode_head.num_classes
    data = dict(
        inputs=[torch.randint(0, 256, (channels, 64, 64), dtype=torch.uint8)] * 2,
        data_samples=make_samples(torch.randint(0, classes, (2, 1, 64, 64))),
    )
    losses = model(**model.data_preprocessor(data, True), mode='loss')
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)
    with torch.no_grad():
        labels = model.eval().test_step(data)[0].pred_sem_seg.data
    assert labels.shape == (1, 64, 64) and labels.max() < classes


@pytest.mark.parametrize('name', COOPERATIVE)
def test_cooperative_configs_hold_only_what_differs(name):
    lines = (CONFIGS / f'{name}.py').read_text().strip().splitlines()
    assert len(lines) <= 11
    single = load(
        name.replace('_ensemble_', '_single_')
        .replace('_same_', '_single_')
        .replace('_multi_', '_single_')
    )
    config = load(name)
    assert config.model.pop('type') == 'CooperativeEncoderDecoder'
    assert single.model.pop('type') == 'EncoderDecoder'
    pattern = config.model.pop('connections', dict(pattern='ensemble'))['pattern']
    assert f'_{pattern}_' in name
    assert config.to_dict() == single.to_dict()


def test_protocol_of_the_paper():
    """Section 4.1 and 4.2."""
    for name in NAMES:
        config = load(name)
        if '_r101_' not in name:
            continue
        assert config.model.backbone.depth == 101
        crop = (768, 768) if 'cityscapes' in name else (513, 513)
        assert config.model.data_preprocessor.size == crop
        assert config.default_hooks.checkpoint.save_best == 'mIoU'
        assert config.train_cfg.max_iters == (80000 if 'cityscapes' in name else 40000)


def test_connectors_have_their_own_rate():
    config = load('deeplabv3plus_r101_same_cityscapes')
    keys = config.optim_wrapper.paramwise_cfg.custom_keys
    assert keys.connectors.lr_mult == keys.aggregations.lr_mult == 10
