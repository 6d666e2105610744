"""``EncoderDecoder.predict`` is the oracle of label maps made a few rows at a time."""

import copy

import pytest
import torch
from mmseg.models.segmentors import CascadeEncoderDecoder
from mmseg.registry import MODELS

from mmseg_coop.models.segmentors import can_predict_labels, predict_labels

from tiny import build_pair, make_batch, network_config

SLIDE = dict(mode='slide', crop_size=(32, 32), stride=(20, 24))
MODES = [dict(mode='whole'), SLIDE]
METAS = {
    'as it is': {},
    'larger': dict(ori_shape=(117, 95)),
    'smaller': dict(ori_shape=(37, 101)),
    'padded': dict(img_padding_size=[2, 5, 0, 7], ori_shape=(57, 57)),
    'padded and larger': dict(padding_size=[2, 5, 0, 7], ori_shape=(100, 80)),
    'mirrored': dict(flip=True, flip_direction='horizontal'),
    'upside down': dict(flip=True, flip_direction='vertical', ori_shape=(90, 70)),
}


def batch(meta: dict):
    inputs, samples = make_batch()
    for sample in samples:
        sample.set_metainfo(meta)
    return inputs, samples


def predicted(model, inputs, samples) -> list[torch.Tensor]:
    done = model.predict(inputs, copy.deepcopy(samples))
    return [sample.pred_sem_seg.data for sample in done]


@pytest.mark.parametrize(
    'test_cfg', [dict(mode='whole'), SLIDE], ids=['whole', 'slide']
)
@pytest.mark.parametrize('meta', METAS)
@pytest.mark.parametrize('network', ['danet', 'deeplabv3plus'])
def test_single_network(network, meta, test_cfg):
    model = MODELS.build(network_config(network, test_cfg=test_cfg)).eval()
    inputs, samples = batch(METAS[meta])
    with torch.no_grad():
        expected = predicted(model, inputs, samples)
        found = predict_labels(model, inputs, samples)
    for sample, label in zip(found, expected, strict=True):
        assert torch.equal(sample.pred_sem_seg.data, label)


@pytest.mark.parametrize(
    'test_cfg', [dict(mode='whole'), SLIDE], ids=['whole', 'slide']
)
@pytest.mark.parametrize('align_corners', [False, True])
@pytest.mark.parametrize('meta', METAS)
def test_all_networks_and_their_mean(meta, align_corners, test_cfg):
    model = build_pair('deeplabv3plus', 'same', test_cfg=test_cfg).eval()
    for module in model.modules():
        if hasattr(module, 'align_corners'):
            module.align_corners = align_corners
    inputs, samples = batch(METAS[meta])
    with torch.no_grad():
        found = predict_labels(model, inputs, samples)
        for name in ('top', 'bottom', 'mean'):
            model.predict_with = name
            expected = predicted(model, inputs, samples)
            for sample, label in zip(found, expected, strict=True):
                assert torch.equal(sample.get(f'pred_sem_seg_{name}').data, label)
    assert found[0].predict_with == 'bottom'
    assert torch.equal(found[0].pred_sem_seg.data, found[0].pred_sem_seg_bottom.data)
    assert 'seg_logits' not in found[0]


def test_two_classes_of_one_output():
    config = network_config('deeplabv3plus', auxiliary_head=None)
    config.decode_head.update(num_classes=2, out_channels=1, threshold=0.4)
    model = MODELS.build(config).eval()
    inputs, samples = make_batch()
    with torch.no_grad():
        expected = predicted(model, inputs, samples)
        found = predict_labels(model, inputs, samples)
    for sample, label in zip(found, expected, strict=True):
        assert torch.equal(sample.pred_sem_seg.data, label) and label.any()


def test_other_segmentors_predict_as_they_do():
    assert can_predict_labels(build_pair())
    assert can_predict_labels(MODELS.build(network_config('danet')))
    config = network_config('danet')
    cascade = CascadeEncoderDecoder(
        num_stages=1,
        backbone=config.backbone,
        decode_head=[config.decode_head],
        test_cfg=config.test_cfg,
    )
    assert not can_predict_labels(cascade)
