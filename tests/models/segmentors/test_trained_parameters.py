"""Parameters that a network freezes itself stay frozen."""

import copy

import pytest
from mmseg.registry import MODELS
from torch import nn

from helpers.tiny import BACKBONE, build_pair, fcn_head, network_config


@MODELS.register_module()
class FrozenFromTheStart(MODELS.get('ResNetV1c')):
    """Freezes a stage when it is built, and never again."""

    def __init__(self, **options):
        super().__init__(**options)
        self.layer1.requires_grad_(False)


@MODELS.register_module()
class LazyBackbone(nn.Module):
    """Knows its weights' shapes after the first run."""

    def __init__(self):
        super().__init__()
        self.stem = nn.LazyConv2d(8, 3)

    def forward(self, x):
        return (self.stem(x),)


@pytest.mark.parametrize('connections', [None, 'same'])
def test_what_a_network_freezes_stays_frozen(connections):
    backbone = dict(BACKBONE, type='FrozenFromTheStart')
    host = MODELS.build(network_config('danet', backbone=copy.deepcopy(backbone)))
    model = build_pair('danet', connections, backbone=backbone)
    expected = {name: p.requires_grad for name, p in host.named_parameters()}
    assert not all(expected.values())
    for network in model.networks.values():
        found = {name: p.requires_grad for name, p in network.named_parameters()}
        assert found == expected


@pytest.mark.parametrize('connections', [None, 'same'])
def test_weights_without_a_shape_are_named(connections):
    parts = dict(backbone=dict(type='LazyBackbone'), auxiliary_head=None)
    with pytest.raises(ValueError, match='networks.top: backbone.stem is a LazyConv2d'):
        build_pair(connections=connections, decode_head=fcn_head(8, 0), **parts)
