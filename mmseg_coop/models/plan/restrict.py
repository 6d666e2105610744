"""Connections with only some of their targets."""

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Any

from .connection import Connection, SiteRef


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
        if not kept:
            continue
        smaller = replace(connection, targets=kept)
        entries.append(_as_config(smaller))
        before = {module.kind: module.name for module in connection.modules}
        for module in smaller.modules:
            shared = module.kind == 'aggregations'
            names[before[module.kind] if shared else module.name] = module.name
    return entries, names


def _as_config(connection: Connection) -> dict[str, Any]:
    entry = dict(
        source=list(map(str, connection.sources)),
        target=list(map(str, connection.targets)),
        connector=dict(connection.connector),
        mix_streams=connection.mix_streams,
        detach=connection.detach,
        dropout=connection.dropout,
        read=connection.read,
    )
    if len(connection.sources) > 1:
        entry['aggregation'] = dict(connection.aggregation)
    return entry
