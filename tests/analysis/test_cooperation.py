import copy
import math
from itertools import permutations

import pytest
import torch
from torch.nn import functional as F

from mmseg_coop.analysis.cooperation import fixed_batch, linear_cka, measure_cooperation
from mmseg_coop.datasets import ToyStreets

from helpers.differing import build_mixed
from helpers.tiny import build_pair

SITES = [f'backbone.layer{i}' for i in range(1, 5)]
DEEPLAB_SITES = [*SITES, 'decode_head.aspp', 'decode_head.decoder']


@pytest.mark.parametrize('shape', [(7, 3), (7, 20)], ids=['tall', 'wide'])
def test_cka_by_its_definition(shape):
    """HSIC as a mean over all groups of four examples (Song et al., Theorem 2)."""
    x, y = torch.randn(shape).double(), torch.randn(shape[0], 5).double()
    k, h = x @ x.T, y @ y.T

    def hsic(k, h):
        groups = permutations(range(len(x)), 4)
        terms = (k[i, j] * (h[i, j] + h[q, r] - 2 * h[i, q]) for i, j, q, r in groups)
        return torch.stack(list(terms)).mean()

    expected = hsic(k, h) / (hsic(k, k) * hsic(h, h)).sqrt()
    assert linear_cka(x, y) == pytest.approx(float(expected), rel=1e-6)


def test_cka_of_unrelated_features_is_about_0():
    """Of few examples with many channels, too."""
    found = [linear_cka(torch.randn(192, 320), torch.randn(192, 320)) for _ in range(9)]
    assert abs(sum(found) / 9) < 0.02


def test_cka_of_too_few_or_constant_features():
    assert math.isnan(linear_cka(torch.randn(3, 5), torch.randn(3, 5)))
    other = torch.randn(256, 5)
    for value in (0, 1, 0.1):
        constant = torch.full((256, 5), value)
        assert math.isnan(linear_cka(constant, other))
        assert math.isnan(linear_cka(other, constant))
    # A constant map that is pooled, as in measure_cooperation, but for rounding.
    pooled = F.adaptive_avg_pool2d(torch.full((1, 5, 61, 61), 0.1), 16)[0].flatten(1).T
    assert math.isnan(linear_cka(pooled, other))


def test_cka_where_one_example_differs():
    """Its unbiased HSIC with itself is 0, so that rounding would decide."""
    for n in (5, 64, 256):
        one, another = torch.zeros(n, 5), torch.zeros(n, 7)
        one[3], another[4] = torch.randn(5), 0.1
        for pair in ((one, one), (one, another), (torch.eye(n), torch.randn(n, 5))):
            assert math.isnan(linear_cka(*pair)) and math.isnan(linear_cka(*pair[::-1]))


def test_cka_of_features_beside_a_large_constant():
    x = torch.randn(64, 5)
    beside = torch.cat([1e-3 * x, torch.full((64, 1), 1e4)], dim=1)
    assert linear_cka(x, beside) == pytest.approx(1)


def test_cka_of_rotated_scaled_and_shifted_features_is_1():
    x = torch.randn(200, 8, dtype=torch.float64)
    rotation = torch.linalg.qr(torch.randn(8, 8, dtype=torch.float64))[0]
    assert linear_cka(x, 3 * x @ rotation + 1) == pytest.approx(1)


@pytest.mark.parametrize(
    'connector', ['CoopConnector', 'SumConnector', 'GateConnector']
)
def test_an_identity_start_uses_nothing(connector):
    model = build_pair(connections=dict(pattern='same', connector=dict(type=connector)))
    found = measure_cooperation(model, torch.randn(2, 3, 64, 64))
    assert list(found.strength) == [f'bottom.{site}' for site in DEEPLAB_SITES]
    assert set(found.strength.values()) == {0.0}


def test_strength_is_the_share_of_what_arrives():
    """Equal networks, W_y the identity and W_x three times it: 1 of 1 + 3."""
    model = build_pair(connections='same')
    model.networks.bottom.load_state_dict(model.networks.top.state_dict())
    connector = model.plan.connectors['BOTTOM_BACKBONE_LAYER1']
    torch.nn.init.dirac_(connector.arriving.weight)
    torch.nn.init.dirac_(connector.own.weight)
    with torch.no_grad():
        connector.own.weight.mul_(3)
    found = measure_cooperation(model, torch.randn(2, 3, 64, 64))
    assert found.strength['bottom.backbone.layer1'] == pytest.approx(0.25)


@pytest.mark.parametrize('pattern', ['same', 'multi', None])
def test_similarity_of_equal_networks_is_1(pattern):
    model = build_pair(connections=pattern)
    model.networks.bottom.load_state_dict(model.networks.top.state_dict())
    found = measure_cooperation(model, torch.randn(2, 3, 64, 64))
    assert list(found.similarity) == [f'top-bottom/{site}' for site in DEEPLAB_SITES]
    for value in found.similarity.values():
        assert value == pytest.approx(1)


def test_similarity_is_that_of_the_feature_maps():
    model = build_pair().eval()
    inputs = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        features = [network.backbone(inputs)[1] for network in model.networks.values()]
    pooled = [F.adaptive_avg_pool2d(f, min(16, f.shape[-1])) for f in features]
    x, y = (f.permute(0, 2, 3, 1).flatten(0, 2) for f in pooled)
    found = measure_cooperation(model, inputs).similarity
    assert found['top-bottom/backbone.layer2'] == pytest.approx(linear_cka(x, y))


def test_three_networks_are_compared_in_pairs():
    model = build_pair(connections='same', num_networks=3)
    found = measure_cooperation(model, torch.randn(1, 3, 64, 64))
    pairs = {key.split('/')[0] for key in found.similarity}
    assert pairs == {'net1-net2', 'net1-net3', 'net2-net3'}
    table = found.table()
    assert 'strength (net2)' in table and 'similarity (net1-net3)' in table


def test_networks_that_differ_are_compared_where_sites_belong_together():
    model = build_mixed(dict(pattern='same', sites='backbone')).eval()
    inputs = torch.randn(2, 3, 64, 64)
    found = measure_cooperation(model, inputs)
    last = ['backbone.layers.0.2', 'backbone.layers.1.2', 'backbone.layers.2.2']
    last.append('backbone:3')
    assert list(found.strength) == [f'bottom.{site}' for site in last]
    # DANet's two attention streams have no counterpart in SegFormer's head.
    assert list(found.similarity) == [
        f'top-bottom/backbone.layer{i + 1} - {site}' for i, site in enumerate(last)
    ]
    with torch.no_grad():
        features = [network.backbone(inputs)[3] for network in model.networks.values()]
    # 1/8 beside 1/32.
    x, y = (F.adaptive_avg_pool2d(f, features[1].shape[2:]) for f in features)
    x, y = (f.permute(0, 2, 3, 1).flatten(0, 2) for f in (x, y))
    key = 'top-bottom/backbone.layer4 - backbone:3'
    assert found.similarity[key] == pytest.approx(linear_cka(x, y), rel=1e-4)
    table = found.table()
    assert 'backbone.layer4 - backbone:3' in table


def test_measuring_changes_nothing():
    model = build_pair(connections='same').train()
    model.networks.top.backbone.layer1.eval()
    state = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    hooks = [len(module._forward_hooks) for module in model.modules()]
    before = torch.get_rng_state()
    measure_cooperation(model, torch.randn(2, 3, 64, 64, generator=torch.Generator()))
    assert torch.equal(before, torch.get_rng_state())
    assert modes == [module.training for module in model.modules()]
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())
    assert hooks == [len(module._forward_hooks) for module in model.modules()]
    assert all(p.grad is None for p in model.parameters())


def test_a_fixed_batch_has_the_size_of_a_crop():
    pipeline = [dict(type='PackSegInputs')]
    dataset = ToyStreets(split='val', num_images=3, pipeline=pipeline)
    preprocessor = dict(type='SegDataPreProcessor', size=(32, 48), bgr_to_rgb=True)
    batch = fixed_batch(build_pair(data_preprocessor=preprocessor), dataset, 4)
    assert batch.shape == (3, 3, 32, 48)
    image = dataset[1]['inputs'][[2, 1, 0], 16:48, 24:72].float()
    torch.testing.assert_close(batch[1], image)
