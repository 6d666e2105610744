"""Mean, sliding windows and test time augmentation, against the host's own."""

import copy

import pytest
import torch
from mmseg.registry import MODELS
from torch.nn import functional as F

from mmseg_coop.models.mean_of_probabilities import mean_of_probabilities

from helpers.tiny import (
    BACKBONE,
    build_pair,
    build_short_pair,
    fcn_head,
    make_batch,
    single_like,
)


def test_mean_is_the_mean_of_probabilities():
    model = build_pair(test_cfg=dict(mode='whole')).eval()
    assert model.predict_with == 'mean'
    inputs, _ = make_batch()
    with torch.no_grad():
        found = model(inputs, mode='predict')
        each = [
            single_like(model, name, 'deeplabv3plus').eval()(inputs, mode='predict')
            for name in ('top', 'bottom')
        ]
    for a, b, c in zip(found, *each, strict=True):
        expected = (b.seg_logits.data.softmax(0) + c.seg_logits.data.softmax(0)) / 2
        torch.testing.assert_close(a.seg_logits.data.softmax(0), expected)


def test_mean_of_binary_probabilities():
    logits = [torch.randn(2, 1, 4, 4) for _ in range(3)]
    expected = sum(x.sigmoid() for x in logits) / 3
    torch.testing.assert_close(mean_of_probabilities(logits).sigmoid(), expected)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16])
def test_mean_of_sure_binary_networks(dtype):
    values = [0, 1, 9, -9, 20, -20, 88, -88, 1000, -1000]
    pairs = torch.cartesian_prod(*[torch.tensor(values, dtype=dtype)] * 2)
    logits = pairs.unbind(1)
    found = mean_of_probabilities([x.view(1, 1, 1, -1) for x in logits])
    assert found.dtype == torch.float32
    exact = [x.double() for x in logits]
    yes, no = (sum((sign * x).sigmoid() for x in exact) / 2 for sign in (1, -1))
    expected = (yes.log() - no.log()).clamp(-1000, 1000)
    torch.testing.assert_close(found.flatten().double(), expected, rtol=2e-2, atol=1e-2)


@pytest.mark.parametrize(
    ('network', 'shape'),
    [
        ('danet', (64, 96)),
        ('deeplabv3plus', (70, 53)),
        ('danet', (24, 24)),
        ('deeplabv3plus', (32, 64)),
    ],
)
def test_slide_is_that_of_the_host(network, shape):
    test_cfg = dict(mode='slide', crop_size=(32, 32), stride=(20, 24))
    model = build_pair(network, test_cfg=dict(test_cfg, predict='bottom')).eval()
    single = single_like(model, 'bottom', network, test_cfg=test_cfg)
    single.test_cfg = model.test_cfg
    inputs, samples = make_batch(shape=shape)
    metas = [s.metainfo for s in samples]
    with torch.no_grad():
        found = model.inference(inputs, copy.deepcopy(metas))
        expected = single.eval().inference(inputs, copy.deepcopy(metas))
    assert torch.equal(found, expected)


@pytest.mark.filterwarnings('ignore')
def test_a_trace_of_slide(tmp_path):
    """All windows are there in a trace and its ONNX, as with the host."""
    runtime = pytest.importorskip('onnxruntime')

    class Slide(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, x):
            size = x.shape[2:]
            return self.model.inference(x, [dict(img_shape=size, ori_shape=size)])

    test_cfg = dict(mode='slide', crop_size=(32, 32), stride=(20, 24))
    slide = Slide(build_short_pair('danet', test_cfg=test_cfg).eval())
    # Two windows.
    image, other = torch.randn(2, 1, 3, 40, 32)
    with torch.no_grad():
        expected = slide(other)
        torch.jit.trace(slide, image, check_trace=False).save(tmp_path / 'a.pt')
        path = str(tmp_path / 'a.onnx')
        torch.onnx.export(slide, (image,), path, dynamo=False, opset_version=17)
    torch.testing.assert_close(torch.jit.load(tmp_path / 'a.pt')(other), expected)
    session = runtime.InferenceSession(path, providers=['CPUExecutionProvider'])
    name = session.get_inputs()[0].name
    found = torch.from_numpy(session.run(None, {name: other.numpy()})[0])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_slide_in_half_precision_is_that_of_the_host():
    test_cfg = dict(mode='slide', crop_size=(32, 32), stride=(20, 24))
    model = build_pair(test_cfg=dict(test_cfg, predict='bottom')).eval()
    single = single_like(model, 'bottom', 'deeplabv3plus', test_cfg=test_cfg)
    inputs, samples = make_batch()
    metas = [s.metainfo for s in samples]
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        found = model.inference(inputs, copy.deepcopy(metas))
        expected = single.eval().inference(inputs, copy.deepcopy(metas))
    assert found.dtype == expected.dtype and torch.equal(found, expected)


def test_a_stride_that_leaves_pixels_out():
    """As the host refuses it; known when the model is built."""
    test_cfg = dict(mode='slide', crop_size=(32, 32), stride=(32, 48))
    with pytest.raises(ValueError, match=r'stride: found \(32, 48\), expected no more'):
        build_pair(test_cfg=test_cfg)
    # Changed later, it is as right as with the host: it depends on the image.
    model = build_pair(test_cfg=dict(test_cfg, stride=(32, 32))).eval()
    single = single_like(model, 'top', 'deeplabv3plus', test_cfg=test_cfg).eval()
    model.test_cfg.stride, model.predict_with = (32, 48), 'top'
    for width in (24, 60):
        inputs, samples = make_batch(shape=(64, width))
        with torch.no_grad():
            found, expected = (
                network.inference(inputs, [s.metainfo for s in samples])
                for network in (model, single)
            )
        assert torch.equal(found, expected)
    for network in (single, model):
        with torch.no_grad(), pytest.raises(AssertionError):
            network.predict(*make_batch(shape=(64, 96)))


def test_slide_leaves_its_callers_metadata_alone():
    test_cfg = dict(mode='slide', crop_size=(32, 32), stride=(16, 16))
    model = build_pair(connections='same', test_cfg=test_cfg).eval()
    inputs, samples = make_batch()
    metas = [s.metainfo for s in samples]
    with torch.no_grad():
        model.inference(inputs, metas)
    assert metas[0]['img_shape'] == (64, 64)


def test_slide_with_mean():
    test_cfg = dict(mode='slide', crop_size=(32, 32), stride=(16, 16))
    model = build_pair(test_cfg=dict(test_cfg, predict='mean')).eval()
    inputs, samples = make_batch()
    metas = [s.metainfo for s in samples]
    with torch.no_grad():
        each = model.networks_inference(inputs, metas, ['top', 'bottom'])
        found = model.inference(inputs, metas)
        swapped = model.networks_inference(inputs, metas, ['bottom', 'top'])
    expected = sum(x.softmax(1) for x in each) / 2
    torch.testing.assert_close(found.softmax(1), expected)
    assert all(torch.equal(a, b) for a, b in zip(each, swapped[::-1], strict=True))


def test_tta_reads_what_it_needs():
    tta = MODELS.build(dict(type='SegTTAModel', module=build_pair(connections='same')))
    assert tta.module.out_channels == 5
    assert tta.module.decode_head is tta.module.networks.bottom.decode_head
    assert not any('.' not in k for k in tta.module.state_dict())


@torch.no_grad()
def test_raw_logits_of_the_mean_have_the_largest_size():
    coarse = dict(backbone=dict(BACKBONE, strides=(1, 2, 2, 2), dilations=(1, 1, 1, 1)))
    fine = dict(decode_head=fcn_head(16, 1, _delete_=True))
    networks = dict(top=coarse, bottom=fine)
    pair = build_pair('danet', networks=networks, test_cfg=dict(predict='mean')).eval()
    image = torch.randn(1, 3, 64, 64)
    small, large = (pair.networks[name](image) for name in ('top', 'bottom'))
    assert small[0].shape[2:] < large.shape[2:] == pair(image).shape[2:]
    resized = F.interpolate(small[0], large.shape[2:], mode='bilinear')
    expected = (resized.softmax(1) + large.softmax(1)) / 2
    torch.testing.assert_close(pair(image).softmax(1), expected)


@pytest.mark.parametrize('channels', [1, 5])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_the_mean_of_half_precision_is_not_rounded(dtype, channels):
    logits = [torch.randn(2, channels, 8, 8).to(dtype) for _ in range(2)]
    expected = mean_of_probabilities([x.float() for x in logits])
    assert torch.equal(mean_of_probabilities(logits), expected)
