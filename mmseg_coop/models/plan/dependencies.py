"""Dependencies between feature maps: which others each of them needs."""

from collections.abc import Iterable, Mapping

from .connection import Incoming, SiteRef, Sites

# What a network has at a site: its ``own``, or what is ``fused`` there, with which it
# continues.
Feature = tuple[SiteRef, str]


def dependencies(
    incoming: Incoming, sites: Sites, exact: bool = False
) -> dict[Feature, set[Feature]]:
    """The feature maps that each feature map needs.

    These are all that its network reaches before or, where ``exact``, only those from
    which it is computed.
    """
    needs: dict[Feature, set[Feature]] = {}
    for network, own in sites.items():
        for i, name in enumerate(own):
            before = own[name].needs if exact else [*own][:i]
            ref = SiteRef(network, name)
            needs[ref, 'own'] = {(SiteRef(network, s), 'fused') for s in before}
            needs[ref, 'fused'] = {(ref, 'own')}
    for target, connection in incoming.items():
        needs[target, 'fused'] |= {(s, connection.read) for s in connection.sources}
    return needs


def reaching(ends: Iterable[SiteRef], incoming: Incoming, sites: Sites) -> set[SiteRef]:
    """The sites at which a change changes what networks have at some other sites."""
    needs = dependencies(incoming, sites, exact=True)
    found = needed_for([(ref, 'fused') for ref in ends], needs)
    return {ref for ref, read in found if read == 'fused'}


def needed_for(
    features: Iterable[Feature], needs: Mapping[Feature, set[Feature]]
) -> set[Feature]:
    """Some feature maps, and all that they need."""
    found: set[Feature] = set()
    pending = list(features)
    while pending:
        feature = pending.pop()
        if feature not in found:
            found.add(feature)
            pending += needs[feature]
    return found
