"""Connections with only some of their targets."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from .connection import OPTIONS, Connection, SiteRef


def used_connections(
    connections: Sequence[Connection], used: Container[SiteRef]
) -> Iterator[Connection]:
    """Connections without the targets that training has no use for.

    Raises:
        ValueError: If a connection of a list, or all of a pattern, would go.
    """
    some = any(target in used for c in connections for target in c.targets)
    for connection in connections:
        targets = tuple(target for target in connection.targets if target in used)
        if targets != connection.targets and (connection.listed or not some):
            idle = next(t for t in connection.targets if t not in used)
            raise ValueError(
                f'{connection.key}: the connection to {idle} trains nothing: '
                f'{idle.network} is frozen, and no trained network or loss depends on '
                'it; leave the connection out, or train the network'
            )
        if targets:
            yield replace(connection, targets=targets)


def restrict(
    connections: Iterable[Connection], targets: Container[SiteRef]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Leave out what reaches none of some targets.

    Returns:
        The connections that stay, as in a config; and the new names of their modules by
        the names before.
    """
    entries, names = [], {}
    for connection in connections:
        kept = tuple(ref for ref in connection.targets if ref in targets)
        if kept:
            smaller = replace(connection, targets=kept)
            entries.append(_as_config(smaller))
            names |= {name: name for name in smaller.modules}
            if len(connection.sources) > 1:
                # An aggregation is called after the first target.
                names[connection.modules[-1]] = smaller.modules[-1]
    return entries, names


def _as_config(connection: Connection) -> dict[str, Any]:
    return dict(
        source=list(map(str, connection.sources)),
        target=list(map(str, connection.targets)),
        **{option: getattr(connection, option) for option in OPTIONS},
    )
