"""Choose the connections that are of use where networks are frozen."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ..sites import Site
from .connection import Connection, SiteRef
from .demand import find_demand


def trained_targets(
    connections: Sequence[Connection],
    sites: Mapping[str, Mapping[str, Site]],
    trained: Sequence[str],
) -> frozenset[SiteRef]:
    """Targets whose connectors get a gradient from the losses of trained networks.

    A frozen network has no loss: a connector that sends to it gets a gradient only if
    its effect reaches a trained network.

    Args:
        connections: Connections, checked.
        sites: The sites of each network, in the order in which it reaches them.
        trained: Names of the networks that have losses.
    """
    # No gradient reaches the sources of a detached connection.
    sending = [replace(c, sources=()) if c.detach else c for c in connections]
    return find_demand(sending, sites, trained).fused


def used_connections(
    connections: Sequence[Connection], used: Collection[SiteRef]
) -> Iterator[Connection]:
    """Connections without the targets that training has no use for.

    Raises:
        ValueError: If a connection of a list, or all of a pattern, would go.
    """
    for connection in connections:
        targets = tuple(target for target in connection.targets if target in used)
        if targets != connection.targets and (connection.listed or not used):
            idle = next(t for t in connection.targets if t not in used)
            raise ValueError(
                f'{connection.key}: nothing is trained by what {idle} gets: '
                f'{idle.network} is frozen, and no trained network or loss reads what '
                'it makes of it; leave the connection out, or train the network'
            )
        if targets:
            yield replace(connection, targets=targets)
