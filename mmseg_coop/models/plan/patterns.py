"""Patterns: short functions that write the connections for a set of sites."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from ..expect import expect
from ..sites import TRUNK, Site
from .connection import (
    SHARED_KEYS,
    Connection,
    SiteRef,
    check_keys,
    parse_connection,
    shared_options,
)


def same(
    networks: Sequence[str], sites: Sequence[Site], options: dict[str, Any]
) -> list[Connection]:
    """Same layer connection (Section 3.2): each site to the same site.

    Every network reads the one before it.
    """
    return [
        Connection((SiteRef(top, site.name),), (SiteRef(bottom, site.name),), **options)
        for top, bottom in pairwise(networks)
        for site in sites
    ]


def multi(
    networks: Sequence[str], sites: Sequence[Site], options: dict[str, Any]
) -> list[Connection]:
    """Multiple layer connection (Section 3.3): all sites, aggregated, to each site.

    Streams are kept apart, "without mixing the features by two attention
    mechanisms" (Section 4.3): a branch such as ``pam`` gets the trunk's sites and
    its own, the trunk only its own. With ``mix_streams`` every site gets all.

    Raises:
        ValueError: If there are fewer than two sites.
    """
    if len(sites) < 2:
        raise ValueError(
            "connections.sites: pattern 'multi' aggregates several sites, found "
            f'{[site.name for site in sites]}; name at least two, or use '
            "pattern='same'"
        )
    readers = [site for site in sites if site.used]
    if options['mix_streams']:
        groups = [(sites, readers)]
    else:
        groups = [
            (
                [site for site in sites if site.stream in (TRUNK, stream)],
                [site for site in readers if site.stream == stream],
            )
            for stream in dict.fromkeys(site.stream for site in readers)
        ]
    return [
        Connection(
            tuple(SiteRef(top, site.name) for site in sources),
            tuple(SiteRef(bottom, site.name) for site in targets),
            **options,
        )
        for top, bottom in pairwise(networks)
        for sources, targets in groups
    ]


_PATTERNS: dict[str, Callable] = {'same': same, 'multi': multi}


def write_connections(
    config: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
    networks: Sequence[str],
    sites: Mapping[str, Site],
) -> list[Connection]:
    """Write the list of connections that the key ``connections`` asks for.

    Args:
        config: None, ``dict(pattern=..., sites=...)`` or a list of connections.
        networks: Names of the networks, in order.
        sites: The sites that each network has.

    Raises:
        ValueError: If a key, pattern or site is unknown.
    """
    if config is None or config == []:
        return []
    if isinstance(config, list | tuple):
        return [
            parse_connection(entry, f'connections[{i}]')
            for i, entry in enumerate(config)
        ]
    expected = "None, dict(pattern='same'), or a list of single connections"
    expect('connections', config, isinstance(config, Mapping), expected)
    check_keys(config, {'pattern', 'sites'} | SHARED_KEYS, 'connections')
    pattern = config.get('pattern')
    if pattern not in list(_PATTERNS):
        raise ValueError(
            f'connections.pattern: found {pattern!r}, expected one of '
            f'{sorted(_PATTERNS)}, or a list of single connections'
        )
    # Levels of a backbone that no head takes can be read, but not written.
    chosen = config.get('sites') or [
        site.name for site in sites.values() if site.used or pattern == 'multi'
    ]
    expected = 'a list of sites'
    expect('connections.sites', chosen, isinstance(chosen, list | tuple), expected)
    unknown = [name for name in chosen if name not in list(sites)]
    if unknown:
        raise ValueError(unknown_site('connections.sites', unknown[0], sites))
    in_order = [site for name, site in sites.items() if name in chosen]
    return _PATTERNS[pattern](networks, in_order, shared_options(config, 'connections'))


def unknown_site(key: str, name: str, sites: Mapping[str, Site]) -> str:
    """The message for a site that a network does not have."""
    return f'{key}: unknown site {name!r}; the sites are {", ".join(sites)}'
