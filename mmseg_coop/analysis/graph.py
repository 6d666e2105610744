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
# A site, or the aggregation of a connection, by its identifier.
Node = SiteRef | str


def draw_graph(model: nn.Module, notes: Mapping[str, str] | None = None) -> Figure:
    """Draw the graph; the number at an arrow is its number of channels.

    Args:
        model: A ``CooperativeEncoderDecoder``.
        notes: Text added to a node, by site, as in ``bottom.backbone.layer1``.
    """
    plan = model.plan
    columns = {network: _COLUMN * i for i, network in enumerate(plan.networks)}
    rows = max(map(len, plan.sites.values()))
    places: dict[Node, Place] = _places_of_sums(plan, columns, rows)
    with rc_context(STYLE):
        figure = Figure((3.2 * len(columns), rows + 0.8), layout='constrained')
        axis = figure.subplots()
        for network, x in columns.items():
            axis.text(x, 0.6, network, ha='center', weight='bold', size=12)
            for i, (name, site) in enumerate(plan.sites[network].items()):
                ref = SiteRef(network, name)
                places[ref] = x, -i
                lines = [name, f'{site.channels} channels, 1/{site.stride}']
                lines += filter(None, [(notes or {}).get(str(ref))])
                _node(axis, places[ref], '\n'.join(lines), '#456789')
            for a, b in _steps(plan, network):
                _step(axis, places[a], places[b])
        for i, connection in enumerate(plan.connections):
            color = f'C{i % 10}'
            for start, end, label in _arrows(plan, connection):
                asides = [_ASIDE * isinstance(node, SiteRef) for node in (start, end)]
                _connect(axis, places[start], places[end], asides, label, color)
            if len(connection.sources) > 1:
                name = connection.identifier
                width = plan.aggregations[name].out_channels
                _node(axis, places[name], f'+\n{width}', color)
        axis.set_xlim(-0.8, max(columns.values()) + 0.8)
        axis.set_ylim(0.2 - rows, 0.9)
        axis.set_axis_off()
    return figure


def _places_of_sums(
    plan: Plan, columns: Mapping[str, float], rows: int
) -> dict[Node, Place]:
    """Place aggregations before the column of their target network."""
    strips: dict[float, list[str]] = defaultdict(list)
    for connection in plan.connections:
        if len(connection.sources) > 1:
            ends = (connection.sources[0].network, connection.targets[0].network)
            start, x = (columns[network] for network in ends)
            x += _COLUMN / 2 if start > x else -_COLUMN / 2
            strips[x].append(connection.identifier)
    return {
        name: (x, -(i + 0.5) * rows / len(names))
        for x, names in strips.items()
        for i, name in enumerate(names)
    }


def _steps(plan: Plan, network: str) -> Iterator[tuple[SiteRef, SiteRef]]:
    """List pairs of consecutive sites; branches start at the last site of the trunk."""
    streams: dict[str, list[SiteRef]] = {TRUNK: []}
    for name, site in plan.sites[network].items():
        streams.setdefault(site.stream, []).append(SiteRef(network, name))
    trunk = streams.pop(TRUNK)
    yield from pairwise(trunk)
    for branch in streams.values():
        yield from pairwise([*trunk[-1:], *branch])


def _arrows(plan: Plan, connection: Connection) -> Iterator[tuple[Node, Node, str]]:
    """List start, end and label of the arrows of a connection.

    The label is the number of channels, and ``late`` for a target on which no later
    layer of its part depends.
    """
    late = {t: [] if plan.site(t).deep else ['late'] for t in connection.targets}
    middle = connection.identifier
    several = len(connection.sources) > 1
    for source in connection.sources:
        channels = str(plan.site(source).channels)
        if several:
            yield source, middle, channels
        else:
            for target, note in late.items():
                yield source, target, ', '.join([channels, *note])
    if several:
        # The node of the sum shows its channels.
        for target, note in late.items():
            yield middle, target, ''.join(note)


def _node(axis: Axes, place: Place, text: str, color: str) -> None:
    box = dict(boxstyle='round', facecolor='#f2f6fa', edgecolor=color)
    options = dict(ha='center', va='center', size=8, color='black', zorder=3)
    axis.text(*place, text, bbox=box, **options)


def _step(axis: Axes, start: Place, end: Place) -> None:
    (x, a), (_, b) = start, end
    if a - b == 1:
        _arrow(axis, (x, a - _ABOVE), (x, b + _ABOVE), 'C7')
    else:
        # Past the sites between them.
        _arrow(axis, (x - _ASIDE, a), (x - _ASIDE, b), 'C7', bend=0.3)


def _connect(
    axis: Axes, start: Place, end: Place, asides: list[float], label: str, color: str
) -> None:
    direction = 1 if end[0] > start[0] else -1
    # Arrows in opposite directions, as of ``cross``, side by side.
    shift = 0.07 * direction
    begin = (start[0] + direction * asides[0], start[1] + shift)
    stop = (end[0] - direction * asides[1], end[1] + shift)
    # Curved around the columns in between.
    far = abs(end[0] - start[0]) > 1.5 * _COLUMN
    _arrow(axis, begin, stop, color, bend=0.1 * far)
    # Near the start, where arrows of different sites are apart.
    x, y = (a + 0.25 * (b - a) for a, b in zip(begin, stop, strict=True))
    side = 'bottom' if direction > 0 else 'top'
    axis.text(x, y, label, size=7, ha='center', va=side, color=color)


def _arrow(axis: Axes, begin: Place, stop: Place, color: str, bend: float = 0) -> None:
    line = dict(arrowstyle='->', connectionstyle=f'arc3,rad={bend}')
    arrow = dict(**line, color=color, shrinkA=0, shrinkB=0)
    # Behind the nodes.
    axis.annotate('', stop, begin, arrowprops=arrow, zorder=1)
