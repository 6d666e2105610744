from itertools import pairwise

import numpy as np
import pytest

from mmseg_coop.analysis.graph import draw_graph

from helpers.differing import build_mixed
from helpers.tiny import build_pair


def drawn(model):
    """Texts of the figure, and its arrows by their ends."""
    texts = draw_graph(model).axes[0].texts
    arrows = [(text.xyann, text.xy) for text in texts if hasattr(text, 'arrow_patch')]
    return [text.get_text() for text in texts if text.get_text()], arrows


@pytest.mark.parametrize('network', ['danet', 'deeplabv3plus'])
@pytest.mark.parametrize('pattern', ['same', 'multi', None])
def test_every_site_and_connection_is_drawn(network, pattern):
    model = build_pair(network, pattern)
    texts, arrows = drawn(model)
    for name, sites in model.plan.sites.items():
        assert name in texts
        for site in sites:
            found = [text for text in texts if text.startswith(f'{site}\n')]
            assert len(found) == 2
    # From each site of a network to the next one, and between networks.
    expected = sum(max(len(sites) - 1, 0) for sites in model.plan.sites.values())
    for connection in model.plan.connections:
        sources, targets = len(connection.sources), len(connection.targets)
        expected += targets if sources == 1 else sources + targets
    assert len(arrows) == expected
    if pattern == 'same':
        assert '8' in texts and '64, late' in texts
        between = [(a, b) for a, b in arrows if a[0] != b[0]]
        rows = [(round(-begin[1]), round(-end[1])) for begin, end in between]
        assert rows == [(i, i) for i in range(len(model.plan.connections))]


def test_streams_branch_off_the_trunk():
    model = build_pair('danet', 'same')
    _, arrows = drawn(model)
    top = list(model.plan.sites['top'])
    rows = [(-begin[1], -end[1]) for begin, end in arrows if begin[0] == end[0] < 1]
    steps = {(top[round(a)], top[round(b)]) for a, b in rows}
    trunk = [f'backbone.layer{i}' for i in range(1, 5)]
    branches = {(trunk[-1], 'decode_head.pam'), (trunk[-1], 'decode_head.cam')}
    assert steps == {*pairwise(trunk), *branches}


@pytest.mark.parametrize('pattern', ['same', 'multi'])
def test_the_figure_names_networks_sites_and_channels(pattern):
    model = build_pair('danet', dict(pattern=pattern), num_networks=3)
    texts, _ = drawn(model)
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
    texts, arrows = drawn(model)
    between = [begin[0] < end[0] for begin, end in arrows if begin[0] != end[0]]
    assert between.count(True) == between.count(False) == 4
    labels = [text.partition(',')[0] for text in texts if text[0].isdigit()]
    sources = [ref for c in model.plan.connections for ref in c.sources]
    channels = [model.plan.sites[ref.network][ref.site].channels for ref in sources]
    assert sorted(map(int, labels)) == sorted(channels)
    assert 'decode_head.feature\n16 channels, 1/4' in texts
    assert 'backbone.layers.1.2\n8 channels, 1/8' in texts
    assert texts.count('decode_head.pam\n16 channels, 1/8') == 1
