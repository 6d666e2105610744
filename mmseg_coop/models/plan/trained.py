"""Which connections training has a use for, where networks are frozen."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ..sites import Site
from .connection import Connection
from .demand import find_demand


def trained_connections(
    connections: Sequence[Connection],
    sites: Mapping[str, Mapping[str, Site]],
    trained: Sequence[str],
) -> Iterator[Connection]:
    """Connections without the targets that no loss depends on.

    A frozen network has no loss: what is sent to it counts as far as a trained network
    reads what it makes of it. Such connectors would have no gradient.

    Args:
        connections: Connections, checked.
        sites: The sites of each network, in the order in which it reaches them.
        trained: Names of the networks that have losses.

    Raises:
        ValueError: If a connection of a list, or all of a pattern, would go.
    """
    # No gradient reaches the sources of a detached connection.
    sending = [replace(c, sources=()) if c.detach else c for c in connections]
    useful = find_demand(sending, sites, trained).fused
    for connection in connections:
        targets = tuple(target for target in connection.targets if target in useful)
        if targets != connection.targets and (connection.listed or not useful):
            idle = next(t for t in connection.targets if t not in useful)
            raise ValueError(
                f'{connection.key}: nothing is trained by what {idle} gets: '
                f'{idle.network} is frozen, and no trained network reads what it makes '
                'of it; leave the connection out, or train the network'
            )
        if targets:
            yield replace(connection, targets=targets)
