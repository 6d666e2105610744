import re

import numpy as np
import pytest

from mmseg_coop.report.graph import draw_graph, mermaid

from tiny import build_pair


@pytest.mark.parametrize('network', ['danet', 'deeplabv3plus'])
@pytest.mark.parametrize('pattern', ['same', 'multi', None])
def test_mermaid_has_every_site_and_connection(network, pattern):
    model = build_pair(network, pattern)
    text = mermaid(model)
    for name in model.plan.networks:
        for site in model.plan.sites:
            assert f'    {name}_{site.replace(".", "_")}["{site}<br>' in text
    arrows = re.findall(r'^  (\S+) -\.(?: "(\d+)" \.)?-> (\S+)$', text, re.M)
    expected = 0
    for connection in model.plan.connections:
        sources, targets = len(connection.sources), len(connection.targets)
        expected += targets if sources == 1 else sources + targets
    assert len(arrows) == expected
    known = set(re.findall(r'^ +(\w+)[\[(]', text, re.M))
    assert {end for start, _, end in arrows} | {a[0] for a in arrows} <= known
    if pattern == 'same':
        assert ('top_backbone_layer1', '8', 'bottom_backbone_layer1') in arrows


def test_streams_branch_off_the_trunk():
    text = mermaid(build_pair('danet', 'same'))
    assert 'top_backbone_layer4 --> top_decode_head_pam' in text
    assert 'top_backbone_layer4 --> top_decode_head_cam' in text
    assert 'top_decode_head_pam --> top_decode_head_cam' not in text


@pytest.mark.parametrize('pattern', ['same', 'multi'])
def test_the_figure_names_networks_sites_and_channels(pattern):
    model = build_pair('danet', dict(pattern=pattern), num_networks=3)
    texts = [text.get_text() for text in draw_graph(model).axes[0].texts]
    for name in ('net1', 'net2', 'net3'):
        assert name in texts
    nodes = [text for text in texts if text.startswith('backbone.layer4')]
    assert nodes == ['backbone.layer4\n64 channels, 1/8'] * 3
    assert ('+\n256' in texts) == (pattern == 'multi')


def test_nodes_do_not_overlap():
    figure = draw_graph(build_pair('danet', 'multi'))
    figure.canvas.draw()
    boxes = [
        text.get_window_extent()
        for text in figure.axes[0].texts
        if '\n' in text.get_text()
    ]
    assert len(boxes) == 2 * 6 + 3
    for i, box in enumerate(boxes):
        overlaps = [box.overlaps(other) for other in boxes[:i]]
        assert not np.any(overlaps)
