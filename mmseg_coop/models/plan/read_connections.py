"""Read the key ``connections`` of a cooperative model."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from ..expect import expect, expect_bool, expect_dict, is_number
from ..sites import LOGITS
from .connection import OPTIONS, READS, Connection, SiteRef, Sites
from .patterns import PATTERNS, NetworkSites

_ENDS = ('source', 'target')
_MODULES = {'connector': 'CoopConnector', 'aggregation': 'CoopAggregation'}
_EXAMPLE = "dict(source='top.backbone.layer1', target='bottom.backbone.layer1')"


def asked_sites(config: Any, networks: Sequence[str]) -> dict[str, list[str]]:
    """The sites that the config names, by network.

    Raises:
        ValueError: If the config can't be read, or names an unknown network.
    """
    asked: dict[str, list[str]] = {name: [] for name in networks}
    if isinstance(config, list | tuple):
        for connection in _from_list(config):
            for ref in (*connection.sources, *connection.targets):
                _check_network(ref.network, networks, connection.key)
                asked[ref.network].append(ref.site)
    elif config is not None:
        expected = "None, dict(pattern='same'), or a list of single connections"
        expect('connections', config, isinstance(config, Mapping), expected)
        among = config.get('among')
        valid = among is None or isinstance(among, list | tuple)
        expect('connections.among', among, valid, 'a list of networks')
        for name in among or ():
            _check_network(name, networks, 'connections.among')
        sites = config.get('sites')
        by_network = (
            sites if isinstance(sites, Mapping) else dict.fromkeys(asked, sites)
        )
        for name, names in by_network.items():
            _check_network(name, networks, 'connections.sites')
            if names is not None and not isinstance(names, str):
                valid = isinstance(names, list | tuple) and len(names) > 0
                valid = valid and all(isinstance(name, str) for name in names)
                expect('connections.sites', names, valid, 'a list of sites')
                asked[name] += names
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
    return _from_list(config)


def _from_list(config: Sequence[Any]) -> list[Connection]:
    return [_read(entry, f'connections[{i}]') for i, entry in enumerate(config)]


def _from_pattern(config: Mapping[str, Any], sites: Sites) -> list[Connection]:
    name = config.get('pattern')
    pattern = PATTERNS.get(name) if isinstance(name, str) else None
    known = ', '.join(sorted(PATTERNS.module_dict))
    expected = f'one of {known}, or a list of connections'
    expect('connections.pattern', name, pattern is not None, expected)
    among = config.get('among') or tuple(sites)
    chosen = _choose(config.get('sites'), {name: sites[name] for name in among})
    shared = {key: config[key] for key in OPTIONS if config.get(key) is not None}
    takes = inspect.signature(pattern).parameters
    usual = {'pattern', 'sites', 'among', *OPTIONS}
    own = {k: v for k, v in config.items() if k not in usual or k in takes}
    unknown = sorted(own.keys() - takes)
    expected = f'one of {sorted(usual)}, or an option of the pattern'
    expect(f'connections: keys of pattern {name!r}', unknown, not unknown, expected)
    entries = pattern(chosen, **own)
    if not entries:
        found = {network.name: [s.name for s in network.sites] for network in chosen}
        raise ValueError(
            f'connections: pattern {name!r} connects nothing of {found}; name other '
            'sites (connections.sites) or networks (connections.among), or use another '
            'pattern'
        )
    found = [_read({**entry, **shared}, 'connections') for entry in entries]
    if not isinstance(config.get('sites'), str | None):
        _check_connected(chosen, found)
    return found


def _check_connected(
    networks: Sequence[NetworkSites], connections: Sequence[Connection]
) -> None:
    """Refuse sites that the config names, and that the pattern left out as unread."""
    ends = {ref for c in connections for ref in (*c.sources, *c.targets)}
    sites = [(SiteRef(n.name, site.name), site) for n in networks for site in n.sites]
    useful = {ref.site for ref, site in sites if site.used or ref in ends}
    expected = 'sites on which a head depends: what arrives there has no effect'
    for ref, _ in sites:
        expect('connections.sites', ref.site, ref.site in useful, expected)


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


def _read(entry: Any, key: str) -> Connection:
    """Read a connection of a list, or one that a pattern has written."""
    expect(key, entry, isinstance(entry, Mapping), _EXAMPLE)
    known = {*_ENDS, *OPTIONS}
    for name in entry:
        if name not in known:
            raise ValueError(
                f'{key}: unknown key {name!r}; expected one of {sorted(known)}'
            )
    refs = []
    for end in _ENDS:
        texts = entry.get(end)
        texts = [texts] if isinstance(texts, str) else texts
        valid = isinstance(texts, list | tuple) and len(texts) > 0
        expect(f'{key}.{end}', texts, valid, 'network.site, or a list of them')
        refs.append(tuple(SiteRef.parse(text, f'{key}.{end}') for text in texts))
    options = {name: entry[name] for name in OPTIONS if name in entry}
    for name, default in _MODULES.items():
        expect_dict(f'{key}.{name}', options.get(name))
        options[name] = {'type': default, **(options.get(name) or {})}
    for name in ('mix_streams', 'detach'):
        expect_bool(f'{key}.{name}', options.get(name, False))
    dropout = options.get('dropout', 0.0)
    valid = is_number(dropout, below=1)
    expect(f'{key}.dropout', dropout, valid, 'a probability, 0 or more and below 1')
    read = options.get('read', 'fused')
    expect(f'{key}.read', read, read in READS, f'one of {", ".join(READS)}')
    return Connection(*refs, key=key, **options)


def _check_network(name: str, networks: Sequence[str], key: str) -> None:
    if name not in networks:
        raise ValueError(
            f'{key}: unknown network {name!r}; the networks are {", ".join(networks)}'
        )
