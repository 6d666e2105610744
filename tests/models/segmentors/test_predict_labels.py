"""``EncoderDecoder.predict`` is the oracle of label maps made a few rows at a time."""

import copy
import itertools
from functools import partial
from unittest.mock import patch

import pytest
import torch
from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder
from mmseg.registry import MODELS

from mmseg_coop.models.segmentors import (
    CooperativeEncoderDecoder,
    can_predict_labels,
    predict_labels,
)

from helpers.tiny import HEADS, build_pair, make_batch, network_config

MODES = dict(
    whole=dict(mode='whole'),
    slide=dict(mode='slide', crop_size=(48, 40), stride=(20, 24)),
)
METAS = {
    'as it is': {},
    'larger': dict(ori_shape=(117, 95)),
    'smaller': dict(ori_shape=(37, 101)),
    'padded': dict(img_padding_size=[2, 5, 0, 7], ori_shape=(57, 57)),
    'padded and larger': dict(padding_size=[2, 5, 0, 7], ori_shape=(100, 80)),
    'mirrored': dict(flip=True, flip_direction='horizontal'),
    'upside down': dict(flip=True, flip_direction='vertical', ori_shape=(90, 70)),
}
# Each with both modes, one of them here and one there, and with one of two of something
# else in turn.
TURNS, OTHER_TURNS = (
    [(meta, modes[i % 2], i // 2 % 2) for i, meta in enumerate(METAS)]
    for modes in (['whole', 'slide'], ['slide', 'whole'])
)


def batch(meta: dict):
    inputs, samples = make_batch()
    for sample in samples:
        sample.set_metainfo(meta)
    return inputs, samples


def predicted(model, inputs, samples) -> list[torch.Tensor]:
    done = model.predict(inputs, copy.deepcopy(samples))
    return [sample.pred_sem_seg.data for sample in done]


@pytest.mark.parametrize(('meta', 'mode', 'head'), TURNS)
def test_single_network(meta, mode, head):
    network = ('danet', 'deeplabv3plus')[head]
    model = MODELS.build(network_config(network, test_cfg=MODES[mode])).eval()
    inputs, samples = batch(METAS[meta])
    with torch.no_grad():
        expected = predicted(model, inputs, samples)
        found = predict_labels(model, inputs, samples)
    for sample, label in zip(found, expected, strict=True):
        assert torch.equal(sample.pred_sem_seg.data, label)


@pytest.mark.parametrize(('meta', 'mode', 'align_corners'), OTHER_TURNS)
def test_all_networks_and_their_mean(meta, mode, align_corners):
    model = build_pair('deeplabv3plus', 'same', test_cfg=MODES[mode]).eval()
    for module in model.modules():
        if hasattr(module, 'align_corners'):
            module.align_corners = bool(align_corners)
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


@pytest.mark.parametrize(
    ('meta', 'dtype'), zip(METAS, itertools.cycle([torch.float32, torch.bfloat16]))
)
def test_mean_of_sure_binary_networks(meta, dtype):
    head = dict(num_classes=2, out_channels=1, threshold=0.5)
    head = {**HEADS['deeplabv3plus'], **head}
    model = build_pair(decode_head=head, auxiliary_head=None).eval()
    for network in model.networks.values():
        # Logits far beyond those whose probability rounds to 1.
        network.decode_head.conv_seg.weight.data.normal_().mul_(1000)
    inputs, samples = batch(METAS[meta])
    with torch.no_grad(), torch.autocast('cpu', dtype, dtype != torch.float32):
        found = predict_labels(model, inputs, copy.deepcopy(samples))
        expected = model.predict(inputs, copy.deepcopy(samples))
    for a, b in zip(found, expected, strict=True):
        assert b.seg_logits.data.isfinite().all()
        label = a.pred_sem_seg_mean.data
        # But for ties, which rounding decides.
        assert (label != b.pred_sem_seg.data).float().mean() < 1e-3
        # One network is enough where it is surer.
        both = a.pred_sem_seg_top.data * a.pred_sem_seg_bottom.data
        either = a.pred_sem_seg_top.data + a.pred_sem_seg_bottom.data > 0
        assert (label >= both).all() and (label <= either).all() and label.any()


def test_logits_that_are_not_finite_are_named():
    model = build_pair().eval()
    inputs, samples = make_batch()
    samples[1].set_metainfo(dict(img_path='street.png'))
    inputs[1, 0, 5, 5] = torch.inf
    with torch.no_grad(), pytest.raises(ValueError) as error:
        predict_labels(model, inputs, samples)
    assert str(error.value).startswith('street.png: ')
    assert 'logits of top are not finite' in str(error.value)
    single = MODELS.build(network_config('danet')).eval()
    single.decode_head.conv_seg.bias.data[2] = torch.nan
    with (
        torch.no_grad(),
        pytest.raises(ValueError, match='image 1 of the batch: 64 of'),
    ):
        predict_labels(single, *make_batch())


def test_guards_of_the_host():
    model = MODELS.build(network_config('danet')).eval()
    inputs, samples = batch(dict(flip=True, flip_direction='diagonal'))
    for predict, error in (
        (model.predict, AssertionError),
        (partial(predict_labels, model), KeyError),
    ):
        with torch.no_grad(), pytest.raises(error):
            predict(inputs, samples)
    model.test_cfg.mode = 'foo'
    for predict in (model.predict, partial(predict_labels, model)):
        with pytest.raises(AssertionError, match='Only "slide" or "whole"'):
            predict(*make_batch())
    pair = build_pair().eval()
    pair.test_cfg.mode = 'foo'
    for predict in (pair.predict, partial(predict_labels, pair)):
        with pytest.raises(ValueError, match="test_cfg.mode: found 'foo', expected"):
            predict(*make_batch())


def test_predict_notices_what_is_no_number():
    pair = build_pair().eval()
    torch.nn.init.constant_(pair.networks.bottom.decode_head.conv_seg.bias, torch.inf)
    inputs, samples = make_batch()
    samples[0].set_metainfo(dict(img_path='street.png'))
    with (
        torch.no_grad(),
        pytest.raises(ValueError, match=r'street\.png: .* not finite'),
    ):
        pair.predict(inputs, samples)


def test_windows_know_all_images():
    pair = build_pair(
        test_cfg=dict(mode='slide', crop_size=(32, 32), stride=(32, 32))
    ).eval()
    inputs, samples = make_batch()
    for i, sample in enumerate(samples):
        sample.set_metainfo(dict(img_path=f'{i}.png'))
    with (
        torch.no_grad(),
        patch.object(
            pair.networks.bottom,
            'encode_decode',
            wraps=pair.networks.bottom.encode_decode,
        ) as run,
    ):
        pair.predict(inputs, samples)
    for call in run.call_args_list:
        assert [meta['img_path'] for meta in call.args[1]] == ['0.png', '1.png']


def test_images_of_several_original_sizes():
    model = MODELS.build(network_config('danet')).eval()
    inputs, samples = make_batch()
    samples[1].set_metainfo(dict(ori_shape=(50, 70)))
    with torch.no_grad():
        expected = predicted(model, inputs, samples)
        found = predict_labels(model, inputs, samples)
    for sample, label in zip(found, expected, strict=True):
        assert torch.equal(sample.pred_sem_seg.data, label)


@pytest.mark.parametrize('base', [EncoderDecoder, CooperativeEncoderDecoder])
@pytest.mark.parametrize('method', ['whole_inference', 'postprocess_result'])
def test_a_sub_class_predicts_with_methods_of_its_own(base, method):
    config = network_config('danet')
    config.pop('type')
    own = type('Own', (base,), {method: lambda self, *args: None})
    assert can_predict_labels(base(**config))
    assert can_predict_labels(type('Same', (base,), {})(**config))
    assert not can_predict_labels(own(**config))


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
