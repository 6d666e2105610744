"""Patterns: short functions that write the connections for a set of sites.

A pattern is given the networks, each with the sites that are to be connected, and
returns single connections as a user would write them in a config; options that the
config gives beside the pattern replace those of its connections. docs/extending.md
adds one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mmengine.registry import Registry

from ..sites import TRUNK, Site

# Without a location of its own MMEngine looks for a distribution to import.
PATTERNS = Registry('cooperation pattern', locations=[__name__])


@dataclass(frozen=True)
class NetworkSites:
    """A network, and those of its sites that a pattern connects.

    Attributes:
        name: The network's name.
        sites: The sites, in the order in which the network reaches them, or in which
            the config names them.
        listed: Whether the config lists the sites of this network.
    """

    name: str
    sites: tuple[Site, ...]
    listed: bool = False

    def ref(self, site: Site) -> str:
        """Name of one of the sites in a config, as in ``top.backbone.layer1``."""
        return f'{self.name}.{site.name}'

    @property
    def possible_targets(self) -> tuple[Site, ...]:
        """Sites that a head depends on: what is sent to others has no effect."""
        return tuple(site for site in self.sites if site.used)


def matched(top: NetworkSites, bottom: NetworkSites) -> list[tuple[Site, Site]]:
    """Pair the sites of two networks: by name, or by their order within each part.

    Sites that the config lists for both networks are paired in this order.

    Raises:
        ValueError: If neither is possible; it lists the sites of both.
    """
    listed = top.listed and bottom.listed
    by_name = {site.name: site for site in top.sites}
    if not listed and by_name.keys() == {site.name for site in bottom.sites}:
        return [(by_name[site.name], site) for site in bottom.sites]
    ours, theirs = ([site.part for site in n.sites] for n in (top, bottom))
    if ours == theirs or (listed and len(ours) == len(theirs)):
        return list(zip(top.sites, bottom.sites, strict=True))
    lists = '; '.join(
        f'{n.name}: {", ".join(site.name for site in n.sites)}' for n in (top, bottom)
    )
    raise ValueError(
        f'connections.sites: the sites of {top.name} and {bottom.name} can not be '
        f'matched by name or by order ({lists}); name as many of each that belong '
        f'together, sites=dict({top.name}=[...], {bottom.name}=[...]), or sites='
        "'backbone'"
    )


@PATTERNS.register_module()
def same(networks: Sequence[NetworkSites]) -> list[dict]:
    """Same layer connection (Section 3.2): each site to the same site.

    Every network reads the one before it.
    """
    return [
        dict(source=top.ref(a), target=bottom.ref(b))
        for top, bottom in pairwise(networks)
        for a, b in matched(top, bottom)
        if b.used
    ]


@PATTERNS.register_module()
def multi(networks: Sequence[NetworkSites], mix_streams: bool = False) -> list[dict]:
    """Multiple layer connection (Section 3.3): all sites, aggregated, to each site.

    Streams are kept apart, "without mixing the features by two attention
    mechanisms" (Section 4.3): a branch such as ``pam`` gets the trunk's sites and
    its own, the trunk only its own. With ``mix_streams`` every site gets all.
    """
    entries = []
    for top, bottom in pairwise(networks):
        streams = dict.fromkeys(site.stream for site in bottom.possible_targets)
        for stream in [None] if mix_streams else streams:
            allowed = None if stream is None else (TRUNK, stream)
            sources = [s for s in top.sites if not allowed or s.stream in allowed]
            targets = [s for s in bottom.possible_targets if stream in (None, s.stream)]
            entries.append(
                dict(
                    source=[top.ref(site) for site in sources],
                    target=[bottom.ref(site) for site in targets],
                    mix_streams=mix_streams,
                )
            )
    return entries


@PATTERNS.register_module()
def adjacent(networks: Sequence[NetworkSites]) -> list[dict]:
    """Adjacent higher-level composition of CBNetV2: the next site to each site.

    Liang et al., *CBNet: A Composite Backbone Network Architecture for Object
    Detection*, IEEE TIP 2022, Section 3.2. The last site of a stream gets nothing.
    """
    return [
        dict(source=top.ref(higher), target=bottom.ref(b))
        for top, bottom in pairwise(networks)
        for b, (higher, *_) in _higher_sites(top, bottom)
    ]


@PATTERNS.register_module()
def dense(networks: Sequence[NetworkSites]) -> list[dict]:
    """Dense higher-level composition of CBNetV2: all later sites to each site.

    Liang et al., as for :func:`adjacent`.
    """
    return [
        dict(source=[top.ref(a) for a in higher], target=bottom.ref(b))
        for top, bottom in pairwise(networks)
        for b, higher in _higher_sites(top, bottom)
    ]


@PATTERNS.register_module()
def cross(networks: Sequence[NetworkSites]) -> list[dict]:
    """Both directions: each network gets what the others had before fusing.

    As between two backbones in Ikedo & Hotta, *Fusion of Different Features by Cross
    Cooperative Learning for Semantic Segmentation*, VISAPP 2022.
    """
    return [
        dict(
            source=[other.ref(a) for other, a in sources],
            target=network.ref(site),
            read='own',
        )
        for network in networks
        for site, sources in _counterparts(network, networks)
    ]


@PATTERNS.register_module()
def star(networks: Sequence[NetworkSites]) -> list[dict]:
    """Every network sends to the last: its site gets the same site of all others."""
    last = networks[-1]
    return [
        dict(source=[other.ref(a) for other, a in sources], target=last.ref(site))
        for site, sources in _counterparts(last, networks)
    ]


def _higher_sites(
    top: NetworkSites, bottom: NetworkSites
) -> list[tuple[Site, list[Site]]]:
    """Each site of bottom with later sites of top, of the trunk or the same stream."""
    pairs = matched(top, bottom)
    found = []
    for i, (_, b) in enumerate(pairs):
        higher = [a for a, _ in pairs[i + 1 :] if a.stream in (TRUNK, b.stream)]
        if higher and b.used:
            found.append((b, higher))
    return found


def _counterparts(
    network: NetworkSites, networks: Sequence[NetworkSites]
) -> list[tuple[Site, list[tuple[NetworkSites, Site]]]]:
    """Each site that can be sent to, with the same site of every other network."""
    others = [other for other in networks if other.name != network.name]
    pairs = [{b.name: a for a, b in matched(other, network)} for other in others]
    return [
        (site, [(o, p[site.name]) for o, p in zip(others, pairs, strict=True)])
        for site in network.possible_targets
    ]
