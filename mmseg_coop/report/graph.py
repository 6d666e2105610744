"""The connections of a model as a picture: networks as columns, sites as nodes."""

from collections.abc import Iterator
from itertools import pairwise

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import nn

from ..models.plan import Connection, Plan, SiteRef
from .figures import STYLE

# Distances between columns, and from the middle of a node to its edges.
_COLUMN, _ASIDE, _ABOVE = 2.4, 0.36, 0.17


def mermaid(model: nn.Module) -> str:
    """The graph in Mermaid's language, which Markdown pages show as a picture.

    Args:
        model: A ``CooperativeEncoderDecoder``.
    """
    plan = model.plan
    lines = ['flowchart TB']
    for network in plan.networks:
        lines.append(f'  subgraph {network}')
        lines += [
            f'    {SiteRef(network, name).identifier}["{name}<br>{_size(plan, name)}"]'
            for name in plan.sites
        ]
        lines += [
            f'    {SiteRef(network, a).identifier} --> {SiteRef(network, b).identifier}'
            for a, b in _steps(plan)
        ]
        lines.append('  end')
    for connection in plan.connections:
        if len(connection.sources) > 1:
            text = f'+<br>{_width(model, connection)} channels'
            lines.append(f'  {_sum_name(connection)}(("{text}"))')
        for start, end, channels in _arrows(plan, connection):
            label = f'"{channels}"' if channels else ''
            arrow = f'-. {label} .->' if label else '-.->'
            lines.append(f'  {start} {arrow} {end}')
    return '\n'.join(lines) + '\n'


def draw_graph(model: nn.Module) -> Figure:
    """The same as a figure; an arrow's number is that of the channels it carries.

    Args:
        model: A ``CooperativeEncoderDecoder``.
    """
    plan = model.plan
    rows = {name: -i for i, name in enumerate(plan.sites)}
    columns = {network: _COLUMN * i for i, network in enumerate(plan.networks)}
    places = {
        SiteRef(network, name).identifier: (x, y)
        for network, x in columns.items()
        for name, y in rows.items()
    }
    places |= _places_of_sums(plan, columns, len(rows))
    with plt.rc_context(STYLE):
        size = (3.2 * len(columns), len(rows) + 0.8)
        figure, axis = plt.subplots(figsize=size, layout='constrained')
        for network, x in columns.items():
            axis.text(x, 0.6, network, ha='center', weight='bold', size=12)
            for name, y in rows.items():
                _node(axis, (x, y), f'{name}\n{_size(plan, name)}', '#456789')
            for a, b in _steps(plan):
                _step(axis, x, rows[a], rows[b])
        for i, connection in enumerate(plan.connections):
            color = f'C{i % 10}'
            for start, end, channels in _arrows(plan, connection):
                _connect(axis, places[start], places[end], channels, color)
            if len(connection.sources) > 1:
                text = f'+\n{_width(model, connection)}'
                _node(axis, places[_sum_name(connection)], text, color)
        axis.set_xlim(-0.8, max(columns.values()) + 0.8)
        axis.set_ylim(min(rows.values()) - 0.5, 0.9)
        axis.set_axis_off()
    return figure


def _places_of_sums(
    plan: Plan, columns: dict[str, float], rows: int
) -> dict[str, tuple[float, float]]:
    """Aggregations stand between the columns, spread over the height."""
    sums = [c for c in plan.connections if len(c.sources) > 1]
    places = {}
    for i, connection in enumerate(sums):
        ends = (connection.sources[0].network, connection.targets[0].network)
        x = sum(columns[network] for network in ends) / 2
        places[_sum_name(connection)] = (x, -(i + 0.5) * (rows - 1) / len(sums))
    return places


def _steps(plan: Plan) -> Iterator[tuple[str, str]]:
    """Sites that follow each other; branches leave the last site of the trunk."""
    trunk = [name for name, site in plan.sites.items() if site.stream == 'trunk']
    yield from pairwise(trunk)
    last = {'trunk': trunk[-1]}
    for name, site in plan.sites.items():
        if site.stream != 'trunk':
            yield last.get(site.stream, trunk[-1]), name
            last[site.stream] = name


def _arrows(plan: Plan, connection: Connection) -> Iterator[tuple[str, str, str]]:
    """Start, end and channels of the arrows of a connection."""
    several = len(connection.sources) > 1
    for source in connection.sources:
        channels = str(plan.sites[source.site].channels)
        ends = [_sum_name(connection)] if several else _names(connection.targets)
        yield from ((source.identifier, end, channels) for end in ends)
    if several:
        # What a sum sends has the sum's channels.
        yield from ((_sum_name(connection), e, '') for e in _names(connection.targets))


def _names(refs: tuple[SiteRef, ...]) -> list[str]:
    return [ref.identifier for ref in refs]


def _sum_name(connection: Connection) -> str:
    return f'sum_{connection.identifier}'


def _width(model: nn.Module, connection: Connection) -> int:
    return model.aggregations[connection.identifier].out_channels


def _size(plan: Plan, name: str) -> str:
    site = plan.sites[name]
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
    start: tuple[float, float],
    end: tuple[float, float],
    channels: str,
    color: str,
) -> None:
    direction = 1 if end[0] > start[0] else -1
    begin = (start[0] + direction * _ASIDE * (start[0] % _COLUMN == 0), start[1])
    stop = (end[0] - direction * _ASIDE * (end[0] % _COLUMN == 0), end[1])
    _arrow(axis, begin, stop, color)
    # Near the start: there the arrows of a site are still apart from those of others.
    near = 0.25
    x, y = (a + near * (b - a) for a, b in zip(begin, stop, strict=True))
    axis.text(x, y, channels, size=7, ha='center', va='bottom', color=color)


def _arrow(
    axis: Axes,
    begin: tuple[float, float],
    stop: tuple[float, float],
    color: str,
    style: str = 'arc3',
) -> None:
    options = dict(arrowstyle='->', color=color, shrinkA=0, shrinkB=0)
    axis.annotate('', stop, begin, arrowprops=dict(options, connectionstyle=style))
