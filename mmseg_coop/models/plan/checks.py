"""What is checked about connections when a model is built."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from ..sites import TRUNK, Site
from .connection import Connection, SiteRef
from .patterns import unknown_site


def check_connections(
    connections: Sequence[Connection],
    networks: Sequence[str],
    sites: Mapping[str, Site],
) -> None:
    """Check that connections can be carried out.

    Args:
        connections: The connections to check.
        networks: Names of the networks.
        sites: The sites that each network has, in the order of a walk.

    Raises:
        ValueError: If a network or site is unknown, no head reads a target, a
            network is connected with itself, a site is the target of two
            connections, streams would mix, or a feature map would depend on itself.
    """
    targets: dict[SiteRef, Connection] = {}
    for connection in connections:
        for ref in (*connection.sources, *connection.targets):
            _check_known(ref, connection.key, networks, sites)
        for target in connection.targets:
            _check_used(target, connection, sites)
            _check_other_network(target, connection)
            _check_streams(target, connection, sites)
            if target in targets:
                raise ValueError(
                    f'{connection.key}: {target} is already the target of '
                    f"'{targets[target]}'; name all its sources in one connection, "
                    'source=[...]'
                )
            targets[target] = connection
    _check_acyclic(connections, networks, sites)


def _check_known(
    ref: SiteRef, key: str, networks: Sequence[str], sites: Mapping[str, Site]
) -> None:
    if ref.network not in networks:
        raise ValueError(
            f'{key}: unknown network {ref.network!r}; the networks are '
            f'{", ".join(networks)}'
        )
    if ref.site not in sites:
        raise ValueError(unknown_site(key, ref.site, sites))


def _check_used(
    target: SiteRef, connection: Connection, sites: Mapping[str, Site]
) -> None:
    if not sites[target.site].used:
        used = ', '.join(site.name for site in sites.values() if site.used)
        raise ValueError(
            f'{connection.key}: no head reads {target}, so that a connection to it '
            f'has no effect; the sites that heads read are {used}'
        )


def _check_other_network(target: SiteRef, connection: Connection) -> None:
    if any(source.network == target.network for source in connection.sources):
        raise ValueError(
            f"{connection.key}: '{connection}' connects network "
            f'{target.network!r} with itself; source and target are sites of '
            'different networks'
        )


def _check_streams(
    target: SiteRef, connection: Connection, sites: Mapping[str, Site]
) -> None:
    if connection.mix_streams:
        return
    stream = sites[target.site].stream
    for source in connection.sources:
        found = sites[source.site].stream
        if found not in (TRUNK, stream):
            raise ValueError(
                f'{connection.key}: {source} (stream {found!r}) must not be mixed '
                f'into {target} (stream {stream!r}); connect sites of one stream, or '
                'set mix_streams=True'
            )


def _check_acyclic(
    connections: Sequence[Connection],
    networks: Sequence[str],
    sites: Mapping[str, Site],
) -> None:
    """A site needs the site before it, and a target needs all its sources."""
    needs: dict[SiteRef, set[SiteRef]] = {}
    for network in networks:
        for before, site in pairwise(sites):
            needs[SiteRef(network, site)] = {SiteRef(network, before)}
    for connection in connections:
        for target in connection.targets:
            needs.setdefault(target, set()).update(connection.sources)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        # Each site of the list is needed by the one after it.
        path = ' -> '.join(map(str, error.args[1]))
        raise ValueError(
            'connections: a feature map would depend on itself: '
            f'{path}; remove one of the connections on this way'
        ) from None
