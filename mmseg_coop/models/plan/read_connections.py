"""Read the key ``connections`` of a cooperative model."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from ..expect import expect, expect_bool, expect_dict
from ..sites import LOGITS, Site
from .connection import READS, Connection, SiteRef
from .patterns import NetworkSites, find_pattern

# What patterns and single connections share.
_SHARED = {'connector', 'aggregation', 'mix_streams', 'detach', 'dropout', 'read'}
_EXAMPLE = "dict(source='top.backbone.layer1', target='bottom.backbone.layer1')"

Sites = Mapping[str, Mapping[str, Site]]


def asked_sites(config: Any, networks: Sequence[str]) -> dict[str, list[str]]:
    """The sites that the config names, by network.

    Args:
        config: None, ``dict(pattern=..., sites=...)`` or a list of connections.
        networks: Names of the networks.

    Raises:
        ValueError: If the config can't be read, or names an unknown network.
    """
    asked: dict[str, list[str]] = {name: [] for name in networks}
    if isinstance(config, list | tuple):
        for i, entry in enumerate(config):
            key = f'connections[{i}]'
            for ref in (r for refs in _ends(entry, key).values() for r in refs):
                _check_network(ref.network, networks, key)
                asked[ref.network].append(ref.site)
    elif config is not None:
        expected = "None, dict(pattern='same'), or a list of single connections"
        expect('connections', config, isinstance(config, Mapping), expected)
        sites = config.get('sites')
        if isinstance(sites, Mapping):
            for name, names in sites.items():
                _check_network(name, networks, 'connections.sites')
                _check_list(f'connections.sites.{name}', names)
                asked[name] += names
        elif sites is not None and not isinstance(sites, str):
            _check_list('connections.sites', sites)
            for names in asked.values():
                names += sites
        among = config.get('among')
        if among is not None:
            right = isinstance(among, list | tuple) and len(among) > 1
            right = right and all(among.count(name) == 1 for name in among)
            expected = f'two or more of {", ".join(networks)}, each once'
            expect('connections.among', among, right, expected)
            for name in among:
                _check_network(name, networks, 'connections.among')
    return asked


def read_connections(config: Any, sites: Sites) -> list[Connection]:
    """Read the list of connections that the config asks for.

    Args:
        config: None; ``dict(pattern='same', sites=None, among=None,
            connector=dict(type='CoopConnector'), aggregation=dict(
            type='CoopAggregation'), mix_streams=False, detach=False, dropout=0.0,
            read='fused')``; or a list of ``dict(source='top.backbone.layer3',
            target='bottom.backbone.layer3', ...)`` with the same further keys. A list
            of sources is aggregated.
        sites: The sites of each network, in the order in which it reaches them.

    Raises:
        ValueError: If a key, pattern or option is unknown.
    """
    if not config:
        return []
    if isinstance(config, Mapping):
        return _from_pattern(config, sites)
    found = []
    for i, entry in enumerate(config):
        key = f'connections[{i}]'
        ends, options = _ends(entry, key), _shared_options(entry, key)
        found.append(Connection(ends['source'], ends['target'], key=key, **options))
    return found


def _from_pattern(config: Mapping[str, Any], sites: Sites) -> list[Connection]:
    pattern = find_pattern(config.get('pattern'))
    known = {'pattern', 'sites', 'among'} | _SHARED
    takes = inspect.signature(pattern).parameters
    own = {k: v for k, v in config.items() if k not in known or k in takes}
    shared = _shared_options(config, 'connections')
    among = config.get('among') or tuple(sites)
    chosen = _choose(config.get('sites'), {name: sites[name] for name in among})
    try:
        call = inspect.signature(pattern).bind(chosen, **own)
    except TypeError as error:
        raise ValueError(
            f"connections: pattern {config['pattern']!r} can't be called with "
            f'{sorted(own)} ({error}); expected one of {sorted(known)}, or an option '
            'of the pattern'
        ) from error
    entries = pattern(*call.args, **call.kwargs)
    key = f'pattern {config["pattern"]!r}'
    expect(key, entries, isinstance(entries, list | tuple), 'a list of connections')
    found = []
    for i, entry in enumerate(entries):
        ends = _ends(entry, f'{key}[{i}]')
        options = _shared_options(entry, f'{key}[{i}]')
        own = {name: options[name] for name in _shared_given(entry)}
        for name in own.keys() & config.keys():
            expected = f'{own[name]!r}, as {key} has it: leave it out'
            right = shared[name] == own[name]
            expect(f'connections.{name}', config[name], right, expected)
        found.append(Connection(ends['source'], ends['target'], **{**shared, **own}))
    _check_connected(config.get('sites'), chosen, found)
    if not found:
        sites = {network.name: [s.name for s in network.sites] for network in chosen}
        raise ValueError(
            f'connections: {key} connects nothing of {sites}; name other sites '
            '(connections.sites), or use another pattern'
        )
    return found


def _check_connected(
    sites: Any, chosen: Sequence[NetworkSites], connections: Sequence[Connection]
) -> None:
    """Refuse sites that the config names, and that no pattern connects."""
    if sites is None or isinstance(sites, str):
        return
    ends = {ref for c in connections for ref in (*c.sources, *c.targets)}
    places: dict[str, list[tuple[SiteRef, Site]]] = {}
    for network in chosen:
        for site in network.sites:
            place = SiteRef(network.name, site.name), site
            places.setdefault(site.name, []).append(place)
    for name, found in places.items():
        right = any(ref in ends or site.used for ref, site in found)
        expected = 'sites on which a head depends: what arrives there has no effect'
        expect('connections.sites', name, right, expected)


def _choose(chosen: Any, sites: Sites) -> list[NetworkSites]:
    """The sites that a pattern connects: all, those of a part, or those named."""
    networks = []
    for network, own in sites.items():
        by_network = isinstance(chosen, Mapping)
        names = chosen.get(network) if by_network else chosen
        listed = by_network and isinstance(names, list | tuple)
        usual = [site for site in own.values() if site.stream != LOGITS]
        if names is None:
            found = usual
        elif isinstance(names, str):
            found = [site for site in usual if site.part == names]
            parts = sorted({site.part for site in usual})
            expected = f'a list of sites, or a part: {", ".join(parts)}'
            expect('connections.sites', names, bool(found), expected)
        elif by_network:
            # The order given matches them with those of the other networks.
            found = [own[name] for name in names]
        else:
            found = [site for name, site in own.items() if name in names]
        networks.append(NetworkSites(network, tuple(found), listed))
    return networks


def _ends(entry: Any, key: str) -> dict[str, tuple[SiteRef, ...]]:
    expect(key, entry, isinstance(entry, Mapping), _EXAMPLE)
    known = {'source', 'target'} | _SHARED
    unknown = [name for name in entry if name not in known]
    if unknown:
        raise ValueError(
            f'{key}: unknown key {unknown[0]!r}; expected one of {sorted(known)}'
        )
    refs = {}
    for end in ('source', 'target'):
        if not entry.get(end):
            raise ValueError(f"{key}: '{end}' is missing; expected network.site")
        texts = entry[end]
        texts = [texts] if isinstance(texts, str) else texts
        expected = 'network.site, or a list of them'
        expect(f'{key}.{end}', texts, isinstance(texts, list | tuple), expected)
        refs[end] = tuple(SiteRef.parse(text, f'{key}.{end}') for text in texts)
    return refs


def _shared_given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {key: options[key] for key in _SHARED if key in options}


def _shared_options(options: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The arguments of :class:`Connection` that patterns and lists share."""
    given = _shared_given(options)
    for name, default in (
        ('connector', 'CoopConnector'),
        ('aggregation', 'CoopAggregation'),
    ):
        expect_dict(f'{key}.{name}', given.get(name))
        given[name] = {'type': default, **(given.get(name) or {})}
    for name in ('mix_streams', 'detach'):
        expect_bool(f'{key}.{name}', given.get(name, False))
    dropout = given.get('dropout', 0.0)
    right = type(dropout) in (int, float) and 0 <= dropout < 1
    expect(f'{key}.dropout', dropout, right, 'a probability, 0 or more and below 1')
    read = given.get('read', 'fused')
    expect(f'{key}.read', read, read in READS, f'one of {", ".join(READS)}')
    return given


def _check_network(name: str, networks: Sequence[str], key: str) -> None:
    if name not in networks:
        raise ValueError(
            f'{key}: unknown network {name!r}; the networks are {", ".join(networks)}'
        )


def _check_list(key: str, names: Any) -> None:
    right = isinstance(names, list | tuple) and all(isinstance(x, str) for x in names)
    expect(key, names, right and bool(names), 'a list of sites')
