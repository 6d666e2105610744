"""Parameters that a network freezes itself stay frozen."""

import copy

import pytest
from mmseg.registry import MODELS

from helpers.tiny import BACKBONE, build_pair, network_config


@MODELS.register_module()
class FrozenFromTheStart(MODELS.get('ResNetV1c')):
    """Freezes a stage when it is built, and never again."""

    def __init__(self, **options):
        super().__init__(**options)
        self.layer1.requires_grad_(False)


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
