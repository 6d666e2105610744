"""The package of docs/extending.md: a connector, a fusion, a pattern, a site rule."""

import re
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from mmseg_coop.models.plan import PATTERNS

from helpers.tiny import build_pair, make_batch, network_config, total_loss

PAGE = Path(__file__).parents[3] / 'docs' / 'extending.md'
FILE = re.compile(r'^```python title="([^"]+)"\n(.*?)^```$', re.M | re.S)


@pytest.fixture(scope='module')
def outside(tmp_path_factory):
    """Imported as ``custom_imports`` of a config would do it."""
    folder = tmp_path_factory.mktemp('site-packages')
    (folder / 'somebodys_cooperation').mkdir()
    for name, text in FILE.findall(PAGE.read_text()):
        (folder / name).write_text(text)
    file = folder / 'config.py'
    imports = dict(imports=['somebodys_cooperation'], allow_failed_imports=False)
    Config(dict(custom_imports=imports)).dump(file)
    sys.path.insert(0, str(folder))
    Config.fromfile(file)
    yield sys.modules['somebodys_cooperation']
    sys.path.remove(str(folder))


def narrow_head():
    config = network_config('deeplabv3plus')
    head = dict(config.auxiliary_head, type='NarrowHead', in_channels=64, in_index=3)
    return dict(decode_head=head, auxiliary_head=None)


def test_a_site_rule(outside):
    model = build_pair(**narrow_head(), connections='same')
    names = [f'backbone.layer{i}' for i in range(1, 5)]
    assert list(model.plan.sites['top']) == [*names, 'decode_head.narrow']


def test_a_pattern_and_its_option(outside):
    connections = dict(pattern='last_ones', count=2)
    model = build_pair(**narrow_head(), connections=connections)
    assert str(model.plan) == (
        'top.backbone.layer4 -> bottom.backbone.layer4 (late)\n'
        'top.decode_head.narrow -> bottom.decode_head.narrow (deep)'
    )
    model = build_pair(**narrow_head(), connections='last_ones', num_networks=3)
    assert [len(c.targets) for c in model.plan.connections] == [1, 1]
    with pytest.raises(ValueError, match=r"pattern 'last_ones': found \['counts'\]"):
        build_pair(connections=dict(pattern='last_ones', counts=2))


LAYER1 = dict(source='top.backbone.layer1', target='bottom.backbone.layer1')


def build_with_pattern(entries, **options):
    """A pair with a registered pattern that returns ``entries``."""
    PATTERNS.register_module('odd', module=lambda networks: entries, force=True)
    try:
        return build_pair(connections=dict(pattern='odd', **options))
    finally:
        PATTERNS.module_dict.pop('odd')


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (dict(dropout=2), r'connections.dropout: found 2, expected a probability'),
        (dict(fusion='sum'), r"connections: unknown key 'fusion'"),
        (dict(source='layer1'), r"connections.source: found 'layer1', expected a net"),
        (dict(source='top.x'), r"connections: found 'top.x', expected one of top.back"),
    ],
)
def test_what_a_pattern_returns_is_checked_as_a_list_is(changes, message):
    with pytest.raises(ValueError, match=f'^{message}'):
        build_with_pattern([dict(LAYER1, **changes)])


@pytest.mark.parametrize('connector', [None, dict(width=4), dict(start='random')])
def test_options_of_a_pattern_have_the_defaults_of_a_list(connector):
    entries = [dict(LAYER1, connector=connector)]
    found = build_with_pattern(entries).plan.connectors.state_dict()
    listed = build_pair(connections=entries).plan.connectors.state_dict()
    assert {k: v.shape for k, v in found.items()} == {
        k: v.shape for k, v in listed.items()
    }


def test_options_of_the_config_replace_those_of_a_pattern():
    entries = [dict(LAYER1, connector=dict(width=4), detach=True)]
    plan = build_with_pattern(entries, connector=dict(width=2)).plan
    assert plan.connectors['BOTTOM_BACKBONE_LAYER1'].expand.in_channels == 2
    assert plan.connections[0].detach


def test_a_pattern_that_connects_nothing():
    with pytest.raises(
        ValueError, match=r"connections: pattern 'odd' connects nothing"
    ):
        build_with_pattern([], sites=['backbone.layer1'])


def test_a_connector(outside):
    connector = dict(type='LargerConnector', scale=0.5)
    connections = dict(pattern='last_ones', sites='backbone', connector=connector)
    model = build_pair(**narrow_head(), connections=connections)
    module = model.plan.connectors['BOTTOM_BACKBONE_LAYER4']
    assert type(module) is outside.connector.LargerConnector and module.scale == 0.5
    inputs, samples = make_batch()
    with torch.no_grad():
        top, bottom = (n.backbone(inputs)[3] for n in model.eval().networks.values())
        expected = torch.maximum(bottom, 0.5 * module.project(top))
        assert torch.equal(model.extract_feat(inputs)[3], expected)
    total_loss(model.train().loss(inputs, samples)).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_fusion(outside):
    """It starts as the plain network, and learns."""
    connector = dict(type='ModulateConnector', width=4)
    connections = dict(pattern='last_ones', sites='backbone', connector=connector)
    model = build_pair(**narrow_head(), connections=connections)
    module = model.plan.connectors['BOTTOM_BACKBONE_LAYER4']
    assert type(module) is outside.fusion.ModulateConnector
    inputs, samples = make_batch()
    with torch.no_grad():
        expected = model.eval().networks['bottom'].backbone(inputs)[3]
        assert torch.equal(model.extract_feat(inputs)[3], expected)
        module.expand.bias.fill_(10.0)
        torch.testing.assert_close(model.extract_feat(inputs)[3], 2 * expected)
    total_loss(model.train().loss(inputs, samples)).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_between_networks_that_differ(outside):
    """The rule names what is matched with another network's feature."""
    connections = dict(
        pattern='same',
        sites=dict(top=['decode_head.narrow'], bottom=['decode_head.feature']),
        connector=dict(type='LargerConnector'),
    )
    head = narrow_head()['decode_head']
    networks = dict(
        top=dict(decode_head=head), bottom=dict(decode_head=dict(head, type='FCNHead'))
    )
    model = build_pair(connections=connections, networks=networks, auxiliary_head=None)
    assert 'top.decode_head.narrow -> bottom.decode_head.feature' in str(model.plan)
    assert MODELS.get('LargerConnector') is outside.connector.LargerConnector
