import re

import numpy as np
import pytest

from mmseg_coop.analysis.graph import draw_graph, mermaid
from mmseg_coop.models.plan import SiteRef

from helpers.differing import build_mixed
from helpers.tiny import build_pair


@pytest.mark.parametrize('network', ['danet', 'deeplabv3plus'])
@pytest.mark.parametrize('pattern', ['same', 'multi', None])
def test_mermaid_has_every_site_and_connection(network, pattern):
    model = build_pair(network, pattern)
    text = mermaid(model)
    for name, sites in model.plan.sites.items():
        for site in sites:
            assert f'    {SiteRef(name, site).identifier}["{site}<br>' in text
    arrows = re.findall(r'^  (\S+) -\.(?: "([^"]+)" \.)?-> (\S+)$', text, re.M)
    expected = 0
    for connection in model.plan.connections:
        sources, targets = len(connection.sources), len(connection.targets)
        expected += targets if sources == 1 else sources + targets
    assert len(arrows) == expected
    known = set(re.findall(r'^ +(\S+?)[\[(]', text, re.M))
    assert {end for start, _, end in arrows} | {a[0] for a in arrows} <= known
    if pattern == 'same':
        assert ('TOP_BACKBONE_LAYER1', '8', 'BOTTOM_BACKBONE_LAYER1') in arrows
        assert ('TOP_BACKBONE_LAYER4', '64, late', 'BOTTOM_BACKBONE_LAYER4') in arrows


def test_streams_branch_off_the_trunk():
    text = mermaid(build_pair('danet', 'same'))
    assert 'TOP_BACKBONE_LAYER4 --> TOP_DECODE-HEAD_PAM' in text
    assert 'TOP_BACKBONE_LAYER4 --> TOP_DECODE-HEAD_CAM' in text
    assert 'TOP_DECODE-HEAD_PAM --> TOP_DECODE-HEAD_CAM' not in text


@pytest.mark.parametrize('pattern', ['same', 'multi'])
def test_the_figure_names_networks_sites_and_channels(pattern):
    model = build_pair('danet', dict(pattern=pattern), num_networks=3)
    texts = [text.get_text() for text in draw_graph(model).axes[0].texts]
    for name in ('net1', 'net2', 'net3'):
        assert name in texts
    nodes = [text for text in texts if text.startswith('backbone.layer4')]
    assert nodes == ['backbone.layer4\n64 channels, 1/8'] * 3
    assert ('+\n256' in texts) == (pattern == 'multi')


@pytest.mark.parametrize(
    ('pattern', 'count'), [('multi', 2), ('star', 3), ('cross', 3), ('dense', 4)]
)
def test_nodes_do_not_overlap(pattern, count):
    figure = draw_graph(build_pair('danet', pattern, num_networks=count))
    figure.canvas.draw()
    boxes = [
        text.get_window_extent()
        for text in figure.axes[0].texts
        if '\n' in text.get_text()
    ]
    assert len(boxes) > count * 6
    for i, box in enumerate(boxes):
        overlaps = [box.overlaps(other) for other in boxes[:i]]
        assert not np.any(overlaps)


def test_networks_that_differ():
    """Each has its own sites; both directions have their arrows."""
    model = build_mixed(dict(pattern='cross', sites='backbone'))
    text = mermaid(model)
    assert 'TOP_BACKBONE_LAYER2 -. "16" .-> BOTTOM_BACKBONE_LAYERS_1_2' in text
    assert 'BOTTOM_BACKBONE_LAYERS_1_2 -. "8" .-> TOP_BACKBONE_LAYER2' in text
    texts = [text.get_text() for text in draw_graph(model).axes[0].texts]
    assert 'decode_head.feature\n16 channels, 1/4' in texts
    assert 'backbone.layers.1.2\n8 channels, 1/8' in texts
    assert texts.count('decode_head.pam\n16 channels, 1/8') == 1
