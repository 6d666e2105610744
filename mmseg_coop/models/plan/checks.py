"""Checks of connections when a model is built."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from ..expect import expect
from ..sites import TRUNK
from .connection import Connection, Incoming, SiteRef, Sites
from .dependencies import dependencies


def check_connections(connections: Sequence[Connection], sites: Sites) -> None:
    """Check that connections can be carried out.

    Raises:
        ValueError: If a network or site is unknown, no head depends on a target, a
            network is connected with itself, a site is the target of two connections,
            streams would mix, or a feature map would depend on itself.
    """
    known = [str(SiteRef(name, site)) for name, own in sites.items() for site in own]
    owners: dict[SiteRef, Connection] = {}
    for connection in connections:
        key = connection.key
        for ref in (*connection.sources, *connection.targets):
            expect(key, str(ref), str(ref) in known, f'one of {", ".join(known)}')
        for target in connection.targets:
            _check_used(target, connection, sites)
            _check_sources(target, connection, sites)
            owner = owners.setdefault(target, connection)
            if owner is not connection:
                raise ValueError(
                    f"{key}: {target} is already the target of '{owner}'; name all its "
                    'sources in one connection, source=[...]'
                )
    _check_acyclic(owners, sites)


def _check_used(target: SiteRef, connection: Connection, sites: Sites) -> None:
    own = sites[target.network]
    if not own[target.site].used:
        used = ', '.join(site.name for site in own.values() if site.used)
        raise ValueError(
            f'{connection.key}: no head reads {target}, so that a connection to it '
            f'has no effect; the sites that heads read are {used}'
        )


def _check_sources(target: SiteRef, connection: Connection, sites: Sites) -> None:
    stream = sites[target.network][target.site].stream
    for source in connection.sources:
        if source.network == target.network:
            raise ValueError(
                f"{connection.key}: '{connection}' connects network {source.network!r} "
                'with itself; source and target are sites of different networks'
            )
        found = sites[source.network][source.site].stream
        if found not in (TRUNK, stream) and not connection.mix_streams:
            raise ValueError(
                f'{connection.key}: {source} (stream {found!r}) must not be mixed '
                f'into {target} (stream {stream!r}); connect sites of one stream, or '
                'set mix_streams=True'
            )


def _check_acyclic(incoming: Incoming, sites: Sites) -> None:
    """Check that no feature map depends on itself."""
    try:
        TopologicalSorter(dependencies(incoming, sites)).prepare()
    except CycleError as error:
        # Each site of the list is needed by the one after it.
        path = ' -> '.join(dict.fromkeys(str(ref) for ref, _ in error.args[1]))
        raise ValueError(
            f'connections: a feature map would depend on itself: {path}; remove one of '
            "the connections on this way, or let both directions read='own'"
        ) from None
