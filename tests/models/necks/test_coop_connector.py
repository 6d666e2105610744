import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch.nn import functional as F

from mmseg_coop.models import CoopAggregation, CoopConnector
from mmseg_coop.models.necks.projection import ResizedProjection

FUSIONS = ['concat', 'sum', 'gate']
WIDTHS = [None, 3]


@pytest.mark.parametrize('width', WIDTHS)
@pytest.mark.parametrize('fusion', FUSIONS)
def test_identity_start_passes_the_own_feature_map_on(fusion, width):
    connector = CoopConnector(8, 6, fusion=fusion, width=width)
    own = torch.randn(2, 8, 5, 7)
    assert torch.equal(connector(own, torch.randn(2, 6, 3, 4)), own)


@pytest.mark.parametrize('width', WIDTHS)
@pytest.mark.parametrize('fusion', FUSIONS)
def test_random_start_uses_what_arrives(fusion, width):
    connector = CoopConnector(8, 6, fusion=fusion, start='random', width=width)
    own, arriving = torch.randn(2, 8, 5, 7), torch.randn(2, 6, 5, 7)
    fused = connector(own, arriving)
    assert fused.shape == own.shape
    assert not torch.allclose(fused, connector(own, arriving + 1))


def test_concat_is_a_convolution_over_the_concatenation():
    connector = CoopConnector(8, 6, start='random')
    own, arriving = torch.randn(2, 8, 5, 7), torch.randn(2, 6, 5, 7)
    weight = torch.cat([connector.arriving.weight, connector.own.weight], dim=1)
    expected = F.conv2d(torch.cat([arriving, own], 1), weight, connector.arriving.bias)
    torch.testing.assert_close(connector(own, arriving), expected)


def test_sum_and_gate_are_what_they_say():
    own, arriving = torch.randn(2, 8, 5, 7), torch.randn(2, 6, 5, 7)
    connector = CoopConnector(8, 6, fusion='sum', start='random')
    update = connector.arriving(arriving, (5, 7))
    torch.testing.assert_close(connector(own, arriving), own + update)

    connector = CoopConnector(8, 6, fusion='gate', start='random')
    weight = torch.cat([connector.arriving_gate.weight, connector.own_gate.weight], 1)
    bias = connector.arriving_gate.bias
    gate = F.conv2d(torch.cat([arriving, own], 1), weight, bias).sigmoid()
    assert gate.shape == (2, 1, 5, 7)
    update = connector.arriving(arriving, (5, 7))
    torch.testing.assert_close(connector(own, arriving), own + gate * update)


def test_narrow_concat_is_the_own_feature_map_and_a_matrix_of_low_rank():
    connector = CoopConnector(8, 6, start='random', width=3)
    own, arriving = torch.randn(2, 8, 5, 7), torch.randn(2, 6, 5, 7)
    weight = torch.cat([connector.arriving.weight, connector.own.weight], dim=1)
    inner = F.conv2d(torch.cat([arriving, own], 1), weight)
    expected = own + F.conv2d(inner, connector.expand.weight, connector.expand.bias)
    assert inner.shape[1] == 3
    torch.testing.assert_close(connector(own, arriving), expected)


def test_a_width_that_is_not_below_the_channels_changes_nothing():
    names = [set(CoopConnector(8, 6, width=w).state_dict()) for w in (None, 8, 9)]
    assert names[0] == names[1] == names[2]
    with pytest.raises(ValueError, match=r'connector\.width: found 0, expected 1 or'):
        CoopConnector(8, 6, width=0)


@pytest.mark.parametrize('width', WIDTHS)
@pytest.mark.parametrize('fusion', FUSIONS)
def test_every_parameter_gets_a_gradient(fusion, width):
    connector = CoopConnector(
        8,
        6,
        fusion=fusion,
        width=width,
        start='random',
        norm_cfg=dict(type='BN'),
        act_cfg=dict(type='ReLU'),
    )
    connector(
        torch.randn(2, 8, 5, 7), torch.randn(2, 6, 3, 4)
    ).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in connector.parameters())
    assert (connector(torch.randn(2, 8, 5, 7), torch.randn(2, 6, 5, 7)) >= 0).all()


@pytest.mark.parametrize('detach', [True, False])
def test_detach(detach):
    connector = CoopConnector(8, 6, start='random', detach=detach)
    own = torch.randn(2, 8, 5, 7, requires_grad=True)
    arriving = torch.randn(2, 6, 5, 7, requires_grad=True)
    connector(own, arriving).sum().backward()
    assert (arriving.grad is None) == detach
    assert connector.arriving.weight.grad.any() and own.grad.any()


@pytest.mark.parametrize('align_corners', [True, False])
@pytest.mark.parametrize('size', [(3, 4), (5, 7), (10, 13)])
def test_projection_and_resizing_commute(size, align_corners):
    projection = ResizedProjection(6, 8, bias=True, align_corners=align_corners)
    x = torch.randn(2, 6, 5, 7)
    mode = dict(mode='bilinear', align_corners=align_corners)
    projected_first = F.interpolate(
        F.conv2d(x, projection.weight, projection.bias), size=size, **mode
    )
    resized_first = F.conv2d(
        F.interpolate(x, size=size, **mode), projection.weight, projection.bias
    )
    found = projection(x, size)
    torch.testing.assert_close(found, projected_first)
    torch.testing.assert_close(found, resized_first)


def test_aggregation_sums_projections_at_the_finest_size():
    aggregation = CoopAggregation([4, 6, 6], strides=[8, 4, 16], width=5)
    features = [
        torch.randn(2, 4, 6, 8),
        torch.randn(2, 6, 12, 16),
        torch.randn(2, 6, 3, 4),
    ]
    total = aggregation(features)
    expected = sum(
        projection(x, (12, 16))
        for projection, x in zip(aggregation.projections, features, strict=True)
    )
    assert total.shape == (2, 5, 12, 16)
    torch.testing.assert_close(total, expected)


def test_aggregation_at_a_stride_of_ones_choice():
    aggregation = CoopAggregation([4, 6], strides=[8, 4], width=5, stride=8)
    total = aggregation([torch.randn(2, 4, 6, 8), torch.randn(2, 6, 12, 16)])
    assert total.shape == (2, 5, 6, 8)


def test_detached_aggregation_learns():
    aggregation = CoopAggregation([4], strides=[4], detach=True)
    feature = torch.randn(2, 4, 6, 8, requires_grad=True)
    aggregation([feature]).sum().backward()
    assert feature.grad is None and aggregation.projections[0].weight.grad.any()


def test_necks_are_registered_in_mmsegmentation():
    init_default_scope('mmseg')
    connector = MODELS.build(
        dict(type='CoopConnector', channels=4, source_channels=2, fusion='gate')
    )
    assert 'fusion=gate' in repr(connector)
    assert MODELS.get('CoopAggregation') is CoopAggregation
