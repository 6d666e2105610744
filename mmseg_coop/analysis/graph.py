"""Draw the connections of a model: networks as columns, sites as nodes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from ..models.plan import Connection, Plan, SiteRef
from ..models.sites import TRUNK
from ..plot_style import STYLE

# Distance between columns, half the width and half the height of a node.
_COLUMN, _ASIDE, _ABOVE = 2.4, 0.36, 0.17

Place = tuple[float, float]


def mermaid(model: nn.Module) -> str:
    """Write the graph in Mermaid's language, which Markdown viewers draw."""
    plan = model.plan
    lines = ['flowchart TB']
    for network, sites in plan.sites.items():
        lines.append(f'  subgraph {network}')
        lines += [
            f'    {SiteRef(network, name).identifier}["{name}<br>{_size(plan, ref)}"]'
            for name, ref in ((name, SiteRef(network, name)) for name in sites)
        ]
        lines += [
            f'    {a.identifier} --> {b.identifier}' for a, b in _steps(plan, network)
        ]
        lines.append('  end')
    for connection in plan.connections:
        if len(connection.sources) > 1:
            text = f'+<br>{_width(plan, connection)} channels'
            lines.append(f'  {_sum_name(connection)}(("{text}"))')
        for start, end, label in _arrows(plan, connection):
            arrow = f'-. "{label}" .->' if label else '-.->'
            lines.append(f'  {start} {arrow} {end}')
    return '\n'.join(lines) + '\n'


def draw_graph(model: nn.Module, notes: Mapping[str, str] | None = None) -> Figure:
    """Draw the graph; the number at an arrow is its number of channels.

    Args:
        model: A ``CooperativeEncoderDecoder``.
        notes: Text added to a node, by site, as in ``bottom.backbone.layer1``.
    """
    plan = model.plan
    columns = {network: _COLUMN * i for i, network in enumerate(plan.networks)}
    nodes = {
        SiteRef(network, name): (columns[network], -i)
        for network, sites in plan.sites.items()
        for i, name in enumerate(sites)
    }
    rows = max(map(len, plan.sites.values()))
    sums = _places_of_sums(plan, columns, rows)
    places = {ref.identifier: place for ref, place in nodes.items()} | sums
    with rc_context(STYLE):
        size = (3.2 * len(columns), rows + 0.8)
        figure = Figure(figsize=size, layout='constrained')
        axis = figure.subplots()
        for network, x in columns.items():
            axis.text(x, 0.6, network, ha='center', weight='bold', size=12)
            for a, b in _steps(plan, network):
                _step(axis, x, nodes[a][1], nodes[b][1])
        for ref, place in nodes.items():
            lines = [ref.site, _size(plan, ref), (notes or {}).get(str(ref), '')]
            _node(axis, place, '\n'.join(filter(None, lines)), '#456789')
        for i, connection in enumerate(plan.connections):
            color = f'C{i % 10}'
            for start, end, label in _arrows(plan, connection):
                asides = [0 if name in sums else _ASIDE for name in (start, end)]
                _connect(axis, places[start], places[end], asides, label, color)
            if len(connection.sources) > 1:
                text = f'+\n{_width(plan, connection)}'
                _node(axis, places[_sum_name(connection)], text, color)
        axis.set_xlim(-0.8, max(columns.values()) + 0.8)
        axis.set_ylim(0.2 - rows, 0.9)
        axis.set_axis_off()
    return figure


def _places_of_sums(
    plan: Plan, columns: dict[str, float], rows: int
) -> dict[str, Place]:
    """Place aggregations before the column of their target network."""
    strips: dict[float, list[str]] = defaultdict(list)
    for connection in plan.connections:
        if len(connection.sources) > 1:
            ends = (connection.sources[0].network, connection.targets[0].network)
            start, x = (columns[network] for network in ends)
            x += _COLUMN / 2 if start > x else -_COLUMN / 2
            strips[x].append(_sum_name(connection))
    return {
        name: (x, -(i + 0.5) * rows / len(names))
        for x, names in strips.items()
        for i, name in enumerate(names)
    }


def _steps(plan: Plan, network: str) -> Iterator[tuple[SiteRef, SiteRef]]:
    """List pairs of consecutive sites; branches start at the last site of the trunk."""
    sites = plan.sites[network]
    trunk = [name for name, site in sites.items() if site.stream == TRUNK]
    steps = list(pairwise(trunk))
    last: dict[str, str] = {}
    for name, site in sites.items():
        if site.stream != TRUNK:
            before = last.get(site.stream, trunk[-1] if trunk else None)
            steps += [] if before is None else [(before, name)]
            last[site.stream] = name
    for a, b in steps:
        yield SiteRef(network, a), SiteRef(network, b)


def _arrows(plan: Plan, connection: Connection) -> Iterator[tuple[str, str, str]]:
    """List start, end and label of the arrows of a connection.

    The label is the number of channels, and ``late`` for a target on which no later
    layer of its part depends.
    """
    late = {t: '' if plan.site(t).deep else 'late' for t in connection.targets}
    several = len(connection.sources) > 1
    for source in connection.sources:
        channels = str(plan.site(source).channels)
        if several:
            yield source.identifier, _sum_name(connection), channels
            continue
        for target, note in late.items():
            label = f'{channels}, {note}' if note else channels
            yield source.identifier, target.identifier, label
    if several:
        # The node of the sum shows its channels.
        for target, note in late.items():
            yield _sum_name(connection), target.identifier, note


def _sum_name(connection: Connection) -> str:
    return f'sum_{connection.identifier}'


def _width(plan: Plan, connection: Connection) -> int:
    return plan.aggregations[connection.identifier].out_channels


def _size(plan: Plan, ref: SiteRef) -> str:
    site = plan.site(ref)
    return f'{site.channels} channels, 1/{site.stride}'


def _node(axis: Axes, place: tuple[float, float], text: str, color: str) -> None:
    box = dict(boxstyle='round', facecolor='#f2f6fa', edgecolor=color)
    options = dict(ha='center', va='center', size=8, color='black', zorder=3)
    axis.text(*place, text, bbox=box, **options)


def _step(axis: Axes, x: float, start: int, end: int) -> None:
    if start - end == 1:
        _arrow(axis, (x, start - _ABOVE), (x, end + _ABOVE), 'C7')
        return
    # Past the sites between them.
    edge = x - _ASIDE
    _arrow(axis, (edge, start), (edge, end), 'C7', 'arc3,rad=0.3')


def _connect(
    axis: Axes,
    start: Place,
    end: Place,
    asides: list[float],
    label: str,
    color: str,
) -> None:
    direction = 1 if end[0] > start[0] else -1
    # Arrows in opposite directions, as of ``cross``, side by side.
    shift = 0.07 * direction
    begin = (start[0] + direction * asides[0], start[1] + shift)
    stop = (end[0] - direction * asides[1], end[1] + shift)
    # Curved around the columns in between.
    far = abs(end[0] - start[0]) > 1.5 * _COLUMN
    _arrow(axis, begin, stop, color, 'arc3,rad=0.1' if far else 'arc3')
    # Near the start, where arrows of different sites are apart.
    near = 0.25
    x, y = (a + near * (b - a) for a, b in zip(begin, stop, strict=True))
    side = 'bottom' if direction > 0 else 'top'
    axis.text(x, y, label, size=7, ha='center', va=side, color=color)


def _arrow(
    axis: Axes,
    begin: tuple[float, float],
    stop: tuple[float, float],
    color: str,
    style: str = 'arc3',
) -> None:
    options = dict(arrowstyle='->', color=color, shrinkA=0, shrinkB=0)
    options |= dict(connectionstyle=style)
    # Behind the nodes.
    axis.annotate('', stop, begin, arrowprops=options, zorder=1)
