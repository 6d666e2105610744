"""FLOPs counted on the meta device, beside those of a real prediction."""

import copy

import pytest
import torch
from mmseg.registry import MODELS
from torch import nn
from torch.nn import functional as F

from mmseg_coop.cost.flops import count_flops, prediction_flops
from mmseg_coop.models.segmentors.image_shape import loaded_channels, preprocessed_shape

from helpers.differing import MIXED, SEGFORMER
from helpers.tiny import BACKBONE, build_pair, network_config

_OWN = dict(data_preprocessor=dict(mean=[1.0] * 3, std=[2.0] * 3))
_SIZED = dict(type='SegDataPreProcessor', size=(64, 64))
_FOUR = dict(backbone=dict(in_channels=4))
# The model, channels as they are loaded, and preprocessed.
_CASES = {
    'single': (lambda **k: MODELS.build(network_config('danet', **k)), 3, 3),
    # Building it looks at values.
    'segformer': (
        lambda **k: MODELS.build(network_config('danet', **SEGFORMER, **k)),
        3,
        3,
    ),
    'pair that differs': (lambda **k: build_pair('danet', networks=MIXED, **k), 3, 3),
    'means of their own': (
        lambda **k: build_pair('danet', networks=dict(top={}, bottom=_OWN), **k),
        3,
        6,
    ),
    'some inputs': (
        lambda **k: build_pair(
            'danet', networks=dict(four=_FOUR, rgb=dict(inputs=[0, 1, 2])), **k
        ),
        4,
        7,
    ),
}


@pytest.mark.parametrize('name', _CASES)
def test_counted_as_a_real_prediction(name):
    build, loaded, preprocessed = _CASES[name]
    torch.manual_seed(0)
    model = copy.deepcopy(build(data_preprocessor=_SIZED)).eval()
    assert loaded_channels(model) == loaded
    shape = preprocessed_shape(model)
    assert shape == (preprocessed, 64, 64)
    image = torch.rand(loaded, 64, 64)
    with torch.no_grad():
        expected = count_flops(lambda: model.test_step(dict(inputs=[image])))
    assert prediction_flops(model, shape) == expected > 0


@pytest.mark.parametrize(
    'attention',
    [
        lambda x: F.scaled_dot_product_attention(x, x, x),
        nn.MultiheadAttention(8, 2, batch_first=True),
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
    ],
    ids=['function', 'module', 'layer'],
)
@torch.no_grad()
def test_fused_attention_is_counted(attention):
    """As by hand: of each of two images 5 x 5 products of 8 channels, twice."""
    x = torch.randn(2, 5, 8)
    projections, products, mlp = 2 * 5 * 8 * 4 * 8, 2 * 2 * 5 * 5 * 8, 4 * 5 * 8 * 16
    expected = products
    if isinstance(attention, nn.Module):
        attention.eval()
        expected += projections
    if isinstance(attention, nn.TransformerEncoderLayer):
        expected += mlp
    inputs = [x] * 3 if isinstance(attention, nn.MultiheadAttention) else [x]
    assert count_flops(lambda: attention(*inputs)) == 2 * expected


def test_sizes_without_a_preprocessor():
    networks = dict(four=_FOUR, rgb=dict(inputs=[0, 1, 2]))
    assert preprocessed_shape(build_pair('danet', networks=networks))[0] == 4
    large = network_config('danet', backbone=dict(BACKBONE, in_channels=5))
    assert preprocessed_shape(MODELS.build(large)) == (5, 512, 512)
