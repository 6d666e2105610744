"""Choose the connections that are of use where networks are frozen."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from .connection import Connection, SiteRef, Sites
from .dependencies import dependencies, needed_for


def trained_targets(
    connections: Sequence[Connection], sites: Sites, trained: Sequence[str]
) -> frozenset[SiteRef]:
    """Targets whose connectors get a gradient from the losses of trained networks.

    A frozen network has no loss: a connector that sends to it gets a gradient only if
    its effect reaches a trained network.
    """
    ends = [t for c in connections for t in c.targets if t.network in trained]
    # No gradient reaches the sources of a detached connection.
    passing = [connection for connection in connections if not connection.detach]
    return _targets_for(ends, connections, passing, sites)


def read_targets(
    connections: Sequence[Connection], sites: Sites, kept: Sequence[SiteRef]
) -> frozenset[SiteRef]:
    """Targets whose effect reaches a site that losses between networks read."""
    return _targets_for(kept, connections, connections, sites)


def _targets_for(
    ends: Sequence[SiteRef],
    connections: Sequence[Connection],
    passing: Sequence[Connection],
    sites: Sites,
) -> frozenset[SiteRef]:
    """Targets whose effect reaches some sites by connections that pass it on."""
    needs = dependencies(passing, sites, exact=True)
    needed = needed_for([(ref, 'fused') for ref in ends], needs)
    targets = (target for c in connections for target in c.targets)
    return frozenset(target for target in targets if (target, 'fused') in needed)


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
