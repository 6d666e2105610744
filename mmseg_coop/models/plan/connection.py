"""Connections between networks, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..expect import expect, expect_bool, expect_dict

# The keys of a config that patterns and lists share; ``shared_options`` reads them.
SHARED_KEYS = {'connector', 'aggregation', 'mix_streams'}


class SiteRef(NamedTuple):
    """A site of one of the networks, written ``top.backbone.layer1``."""

    network: str
    site: str

    @classmethod
    def parse(cls, text: str, key: str) -> 'SiteRef':
        """Read ``network.site``; ``key`` is the config key named in errors.

        Raises:
            ValueError: If the text has no network or no site.
        """
        network, _, site = str(text).partition('.')
        if not network or not site:
            raise ValueError(
                f'{key}: found {text!r}, expected a network and a site, as in '
                "'top.backbone.layer1'"
            )
        return cls(network, site)

    def __str__(self) -> str:
        return f'{self.network}.{self.site}'

    @property
    def identifier(self) -> str:
        """The name of a module that belongs to this site."""
        return str(self).replace('.', '_')


@dataclass(frozen=True)
class Connection:
    """What the sources have is sent to the targets and fused there.

    Several sources are aggregated, once for all targets.

    Attributes:
        sources: Sites that are read.
        targets: Sites whose feature map is replaced by the fused one.
        connector: Config of the connector that every target gets.
        aggregation: Config of the aggregation of several sources.
        mix_streams: Sources of one stream may reach targets of another.
        key: Where it stands in the config, for errors.
    """

    sources: tuple[SiteRef, ...]
    targets: tuple[SiteRef, ...]
    connector: Mapping[str, Any]
    aggregation: Mapping[str, Any]
    mix_streams: bool
    key: str = 'connections'

    @property
    def identifier(self) -> str:
        """The name of the aggregation that belongs to this connection."""
        return f'to_{self.targets[0].identifier}'

    def __str__(self) -> str:
        sources = ' + '.join(map(str, self.sources))
        return f'{sources} -> {", ".join(map(str, self.targets))}'


def shared_options(options: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The arguments of :class:`Connection` that patterns and lists share.

    Raises:
        ValueError: If one of them is of another type.
    """
    for name in ('connector', 'aggregation'):
        expect_dict(f'{key}.{name}', options.get(name))
    mix_streams = options.get('mix_streams', False)
    expect_bool(f'{key}.mix_streams', mix_streams)
    return {
        'connector': {'type': 'CoopConnector', **(options.get('connector') or {})},
        'aggregation': {
            'type': 'CoopAggregation',
            **(options.get('aggregation') or {}),
        },
        'mix_streams': mix_streams,
    }


def check_keys(options: Mapping[str, Any], known: set[str], key: str) -> None:
    """Raise ValueError if a config has a key that nobody reads."""
    unknown = [name for name in options if name not in known]
    if unknown:
        raise ValueError(
            f'{key}: unknown key {unknown[0]!r}; expected one of {sorted(known)}'
        )


def parse_connection(options: Mapping[str, Any], key: str) -> Connection:
    """Read one entry of a list of connections.

    Args:
        options: ``dict(source=..., target=..., connector=..., aggregation=...,
            mix_streams=...)``; source and target are one ``network.site`` or a list.
        key: The entry's place in the config, for errors.

    Raises:
        ValueError: If a key is unknown or missing, or a site can't be read.
    """
    expected = "dict(source='top.backbone.layer1', target='bottom.backbone.layer1')"
    expect(key, options, isinstance(options, Mapping), expected)
    check_keys(options, {'source', 'target'} | SHARED_KEYS, key)
    refs = {}
    for end in ('source', 'target'):
        if not options.get(end):
            raise ValueError(f"{key}: '{end}' is missing; expected network.site")
        texts = options[end]
        texts = [texts] if isinstance(texts, str) else texts
        expected = 'network.site, or a list of them'
        expect(f'{key}.{end}', texts, isinstance(texts, list | tuple), expected)
        refs[end] = tuple(SiteRef.parse(text, f'{key}.{end}') for text in texts)
    return Connection(
        refs['source'], refs['target'], key=key, **shared_options(options, key)
    )
