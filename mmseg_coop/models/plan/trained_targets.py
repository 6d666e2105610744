"""Choose the connections that are of use where networks are frozen."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ..sites import Site
from .connection import Connection, SiteRef


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
    targets = {target for c in connections for target in c.targets}
    found = {target for target in targets if target.network in trained}
    # No gradient reaches the sources of a detached connection.
    passing = [connection for connection in connections if not connection.detach]
    return _with_earlier(found, targets, passing, sites)


def read_targets(
    connections: Sequence[Connection],
    sites: Mapping[str, Mapping[str, Site]],
    kept: Sequence[SiteRef],
) -> frozenset[SiteRef]:
    """Targets whose effect reaches a site that losses between networks read.

    Args:
        connections: Connections, checked.
        sites: The sites of each network, in the order in which it reaches them.
        kept: The sites that losses read.
    """
    targets = {target for c in connections for target in c.targets}
    found = {t for t in targets for ref in kept if _reaches(t, ref, 'fused', sites)}
    return _with_earlier(found, targets, connections, sites)


def _with_earlier(
    found: set[SiteRef],
    targets: set[SiteRef],
    passing: Sequence[Connection],
    sites: Mapping[str, Mapping[str, Site]],
) -> frozenset[SiteRef]:
    """Targets, and those whose effect reaches them by connections that pass it on."""
    count = -1
    while count < len(found):
        count = len(found)
        for connection in passing:
            if found.intersection(connection.targets):
                sources = connection.sources
                found |= {
                    target
                    for target in targets
                    for source in sources
                    if _reaches(target, source, connection.read, sites)
                }
    return frozenset(found)


def _reaches(
    target: SiteRef,
    source: SiteRef,
    read: str,
    sites: Mapping[str, Mapping[str, Site]],
) -> bool:
    """Tell whether what is fused at a target changes what is read at a source."""
    if target == source:
        return read == 'fused'
    same = target.network == source.network
    return same and source.site in sites[target.network][target.site].feeds


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
