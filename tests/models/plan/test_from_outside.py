"""A connector, a pattern and a site rule of a package that is not ours."""

import sys
from textwrap import dedent

import pytest
import torch
from mmengine.config import Config
from mmseg.registry import MODELS

from tiny import build_pair, make_batch, network_config, total_loss

PACKAGE = {
    '__init__.py': 'from . import connector, heads, pattern\n',
    'connector.py': '''
        """A fusion: the larger of both."""
        import torch
        from mmengine.model import BaseModule
        from mmseg.models.utils import resize
        from mmseg.registry import MODELS
        from torch import nn


        @MODELS.register_module()
        class LargerConnector(BaseModule):
            def __init__(self, channels, source_channels, align_corners, scale=1.0):
                super().__init__()
                self.project = nn.Conv2d(source_channels, channels, 1)
                self.scale = scale

            def forward(self, own, arriving):
                arriving = resize(self.project(arriving), own.shape[2:])
                return torch.maximum(own, self.scale * arriving)
        ''',
    'pattern.py': '''
        """A pattern: the last sites of each network to those of the next."""
        from itertools import pairwise

        from mmseg_coop.models.plan import PATTERNS, matched


        @PATTERNS.register_module()
        def last_ones(networks, count=1):
            return [
                dict(source=top.ref(a), target=bottom.ref(b))
                for top, bottom in pairwise(networks)
                for a, b in matched(top, bottom)[-count:]
            ]
        ''',
    'heads.py': '''
        """A head with a site of its own."""
        from mmseg.models.decode_heads import FCNHead
        from mmseg.registry import MODELS

        from mmseg_coop.models.sites import NamedSite, register_site_rule


        @MODELS.register_module()
        class NarrowHead(FCNHead):
            pass


        @register_site_rule(NarrowHead)
        def narrow(head):
            return [NamedSite('narrow', 'convs.0')]
        ''',
}


@pytest.fixture(scope='module')
def outside(tmp_path_factory):
    """Imported as ``custom_imports`` of a config would do it."""
    folder = tmp_path_factory.mktemp('site-packages')
    package = folder / 'somebodys_cooperation'
    package.mkdir()
    for name, text in PACKAGE.items():
        (package / name).write_text(dedent(text).lstrip())
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
    with pytest.raises(ValueError, match=r"pattern 'last_ones' can't be called with"):
        build_pair(connections=dict(pattern='last_ones', counts=2))


def test_a_connector(outside):
    connector = dict(type='LargerConnector', scale=0.5)
    connections = dict(pattern='last_ones', sites='backbone', connector=connector)
    model = build_pair(**narrow_head(), connections=connections)
    module = model.plan.connectors['bottom_encoder_layer4']
    assert type(module) is outside.connector.LargerConnector and module.scale == 0.5
    inputs, samples = make_batch()
    with torch.no_grad():
        top, bottom = (n.backbone(inputs)[3] for n in model.eval().networks.values())
        expected = torch.maximum(bottom, 0.5 * module.project(top))
        assert torch.equal(model.extract_feat(inputs)[3], expected)
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
