"""The contract of connectors besides test_fusions.py, and what each computes."""

import pytest
import torch
from mmcv.cnn.utils import fuse_conv_bn
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from torch.nn import functional as F

from mmseg_coop.models import CoopConnector, GateConnector, SumConnector

from helpers.fusions import CONNECTORS, features

NORM = dict(norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU'))


@pytest.fixture(params=CONNECTORS)
def build(request):
    init_default_scope('mmseg')

    def build(**options):
        shape = dict(channels=8, source_channels=6)
        return MODELS.build({**CONNECTORS[request.param], **shape, **options})

    return build


def test_identity_start_passes_the_own_feature_map_on(build):
    own, arriving = features(3, 4)
    assert torch.equal(build()(own, arriving), own)


def test_norm_and_activation_act_on_what_is_fused(build):
    connector = build(start='random', **NORM)
    fused = connector(*features(3, 4))
    assert (fused >= 0).all()
    fused.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in connector.parameters())


def test_random_start_uses_what_arrives(build):
    connector = build(start='random')
    own, arriving = features()
    fused = connector(own, arriving)
    assert fused.shape == own.shape
    assert not torch.allclose(fused, connector(own, arriving + 1))


def test_parts_are_the_summands(build):
    connector = build(start='random')
    own, arriving = features(3, 4)
    kept, update = connector.parts(own, arriving)
    torch.testing.assert_close(kept + update, connector(own, arriving))


def test_folding_norms_changes_nothing(build):
    """The norm acts on a sum: no convolution before it may take it in."""
    connector = build(start='random', **NORM).train()
    connector(*features())
    connector.eval()
    own, arriving = features()
    expected = connector(own, arriving)
    torch.testing.assert_close(fuse_conv_bn(connector)(own, arriving), expected)


def test_concat_is_a_convolution_over_the_concatenation():
    connector = CoopConnector(8, 6, start='random')
    own, arriving = features()
    weight = torch.cat([connector.arriving.weight, connector.own.weight], dim=1)
    expected = F.conv2d(torch.cat([arriving, own], 1), weight, connector.arriving.bias)
    torch.testing.assert_close(connector(own, arriving), expected)


def test_narrow_concat_is_the_own_feature_map_and_a_matrix_of_low_rank():
    connector = CoopConnector(8, 6, start='random', width=3)
    own, arriving = features()
    weight = torch.cat([connector.arriving.weight, connector.own.weight], dim=1)
    inner = F.conv2d(torch.cat([arriving, own], 1), weight)
    expected = own + F.conv2d(inner, connector.expand.weight, connector.expand.bias)
    assert inner.shape[1] == 3
    torch.testing.assert_close(connector(own, arriving), expected)


def test_sum_and_gate_are_what_they_say():
    own, arriving = features()
    connector = SumConnector(8, 6, start='random')
    update = connector.arriving(arriving, (5, 7))
    torch.testing.assert_close(connector(own, arriving), own + update)

    connector = GateConnector(8, 6, start='random')
    weight = torch.cat([connector.arriving_gate.weight, connector.own_gate.weight], 1)
    bias = connector.arriving_gate.bias
    gate = F.conv2d(torch.cat([arriving, own], 1), weight, bias).sigmoid()
    assert gate.shape == (2, 1, 5, 7)
    update = connector.arriving(arriving, (5, 7))
    torch.testing.assert_close(connector(own, arriving), own + gate * update)


def test_a_width_that_is_not_below_the_channels_changes_nothing():
    names = [set(CoopConnector(8, 6, width=w).state_dict()) for w in (None, 8, 9)]
    assert names[0] == names[1] == names[2]
    with pytest.raises(ValueError, match=r'connector\.width: found 0, expected 1 or'):
        CoopConnector(8, 6, width=0)
