"""Checks of connections when a model is built."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

from ..expect import expect
from ..sites import TRUNK
from .connection import Connection, SiteRef
from .read_connections import Sites


def check_connections(connections: Sequence[Connection], sites: Sites) -> None:
    """Check that connections can be carried out.

    Raises:
        ValueError: If a network or site is unknown, no head depends on a target, a
            network is connected with itself, a site is a source twice or the target of
            two connections, two targets would have connectors of one name, streams
            would mix, or a feature map would depend on itself.
    """
    targets: dict[SiteRef, Connection] = {}
    identifiers: dict[str, SiteRef] = {}
    for connection in connections:
        for ref in (*connection.sources, *connection.targets):
            _check_known(ref, connection.key, sites)
        sources = list(map(str, connection.sources))
        differ = len({*sources}) == len(sources)
        expect(f'{connection.key}: source', sources, differ, 'different sites')
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
            other = identifiers.setdefault(target.identifier, target)
            if other != target:
                raise ValueError(
                    f'{connection.key}: {other} and {target} would have connectors of '
                    f'one name, {target.identifier}; name the networks otherwise, or '
                    'connect other sites'
                )
    _check_acyclic(connections, sites)


def _check_known(ref: SiteRef, key: str, sites: Sites) -> None:
    if ref.network not in sites:
        raise ValueError(
            f'{key}: unknown network {ref.network!r}; the networks are '
            f'{", ".join(sites)}'
        )
    if ref.site not in sites[ref.network]:
        raise ValueError(
            f'{key}: unknown site {ref.site!r}; the sites of {ref.network} are '
            f'{", ".join(sites[ref.network])}'
        )


def _check_used(target: SiteRef, connection: Connection, sites: Sites) -> None:
    own = sites[target.network]
    if not own[target.site].used:
        used = ', '.join(site.name for site in own.values() if site.used)
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


def _check_streams(target: SiteRef, connection: Connection, sites: Sites) -> None:
    if connection.mix_streams:
        return
    stream = sites[target.network][target.site].stream
    for source in connection.sources:
        found = sites[source.network][source.site].stream
        if found not in (TRUNK, stream):
            raise ValueError(
                f'{connection.key}: {source} (stream {found!r}) must not be mixed '
                f'into {target} (stream {stream!r}); connect sites of one stream, or '
                'set mix_streams=True'
            )


def _check_acyclic(connections: Sequence[Connection], sites: Sites) -> None:
    """Check that no feature map depends on itself."""
    needs: dict[tuple[SiteRef, str], set[tuple[SiteRef, str]]] = {}
    for network, own in sites.items():
        refs = [SiteRef(network, site) for site in own]
        for ref in refs:
            needs[ref, 'fused'] = {(ref, 'own')}
        for before, ref in pairwise(refs):
            needs[ref, 'own'] = {(before, 'fused')}
    for connection in connections:
        for target in connection.targets:
            needs[target, 'fused'] |= {(s, connection.read) for s in connection.sources}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        # Each site of the list is needed by the one after it.
        path = ' -> '.join(dict.fromkeys(str(ref) for ref, _ in error.args[1]))
        raise ValueError(
            f'connections: a feature map would depend on itself: {path}; remove one of '
            "the connections on this way, or let both directions read='own'"
        ) from None
