"""Connections between networks, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..sites import Site

# A site's path as a module's name, which must not have dots.
_WRITTEN = str.maketrans({'.': '_', '_': '-', ':': '+'})
READS = ('fused', 'own')
# What patterns and single connections share.
OPTIONS = ('connector', 'aggregation', 'mix_streams', 'detach', 'dropout', 'read')
_OF_PATTERN = 'connections'

# The sites of each network, in the order in which it reaches them.
Sites = Mapping[str, Mapping[str, Site]]


class SiteRef(NamedTuple):
    """A site of one of the networks, written ``top.backbone.layer1``."""

    network: str
    site: str

    @classmethod
    def parse(cls, text: str, key: str) -> 'SiteRef':
        """Read ``network.site``; ``key`` is the config key named in errors."""
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
        """The name of a module that belongs to this site: ``BOTTOM_BACKBONE_LAYER1``.

        MMEngine's ``custom_keys`` match parts of parameter names: with the case of its
        letters swapped, no part of a network is in a connector's name.
        """
        site = self.site.translate(_WRITTEN)
        return f'{self.network}_{site}'.swapcase()


@dataclass(frozen=True)
class Connection:
    """Connection: feature maps of its sources are sent to its targets and fused there.

    Several sources are aggregated, once for all targets.

    Attributes:
        sources: Sites that are read.
        targets: Sites whose feature map is replaced by the fused one.
        connector: Config of the connector that every target gets.
        aggregation: Config of the aggregation of several sources.
        mix_streams: Sources of one stream may reach targets of another.
        detach: No gradient reaches the networks that are read.
        dropout: Probability that nothing arrives in training; one draw for each image
            decides for all connections to a network.
        read: ``fused``, what a source continues with, or ``own``, what the network had
            there before anything was fused.
        key: Where it stands in the config, for errors.
    """

    sources: tuple[SiteRef, ...]
    targets: tuple[SiteRef, ...]
    connector: Mapping[str, Any]
    aggregation: Mapping[str, Any]
    mix_streams: bool = False
    detach: bool = False
    dropout: float = 0.0
    read: str = 'fused'
    key: str = _OF_PATTERN

    @property
    def listed(self) -> bool:
        """Tell whether the config lists it; otherwise a pattern does."""
        return self.key != _OF_PATTERN

    @property
    def identifier(self) -> str:
        """The name of the aggregation that belongs to this connection."""
        return f'to_{self.targets[0].identifier}'

    @property
    def modules(self) -> list[str]:
        """Names of its connectors in a model, and of its aggregation, the last."""
        found = [f'plan.connectors.{target.identifier}' for target in self.targets]
        if len(self.sources) > 1:
            found.append(f'plan.aggregations.{self.identifier}')
        return found

    def __str__(self) -> str:
        sources = ' + '.join(map(str, self.sources))
        return f'{sources} -> {", ".join(map(str, self.targets))}'


# The connection to each target.
Incoming = Mapping[SiteRef, Connection]
