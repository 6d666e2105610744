"""Work that a run has to do to get the outputs of some networks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..sites import Site
from .connection import Connection, SiteRef


@dataclass(frozen=True)
class Demand:
    """Work that a run has to do to get the outputs of some networks.

    Attributes:
        order: The networks that have to run, those that others read first.
        last: Needed sites of each network that stops at the last of them, by name.
            Networks in ``order`` that are missing here run to their ends.
        active: The sites that a run passes and that are read or fused.
        fused: Those of them at which something arrives.
        reads: How often the feature map of a site is read: ``fused`` or ``own``.
        sends: How many targets each connection is sent to, by its place.
        crossing: Networks need each other, and have to take turns.
    """

    order: tuple[str, ...]
    last: Mapping[str, frozenset[str]]
    active: frozenset[SiteRef]
    fused: frozenset[SiteRef]
    reads: Mapping[tuple[SiteRef, str], int]
    sends: Mapping[int, int]
    crossing: bool


def find_demand(
    connections: Sequence[Connection],
    sites: Mapping[str, Mapping[str, Site]],
    outputs: Sequence[str],
    parts: Sequence[str] | None = None,
    keep: Sequence[SiteRef] = (),
) -> Demand:
    """Find out what has to be done.

    Args:
        connections: All connections.
        sites: The sites of each network, in the order in which it reaches them.
        outputs: Names of the networks whose output is wanted.
        parts: Of these networks only the sites in these parts are passed. Default: all.
        keep: Sites that are read at the end of the run, whoever else reads them.
    """
    # What a network has at a site of its own comes first, then what is fused there.
    order = {
        SiteRef(n, s): 2 * i for n, own in sites.items() for i, s in enumerate(own)
    }
    reach = dict.fromkeys(outputs, float('inf'))
    if parts is not None:
        for name in outputs:
            inside = [i for i, s in enumerate(sites[name].values()) if s.part in parts]
            reach[name] = 2 * max(inside, default=-1) + 1
    for ref in keep:
        reach[ref.network] = max(reach.get(ref.network, -1), order[ref] + 1)
    pending = [(t, i) for i, c in enumerate(connections) for t in c.targets]
    done: list[tuple[SiteRef, int]] = []
    # A connection that becomes due can make its source network run further, and so
    # make others due, until nothing changes.
    progress = True
    while progress:
        progress = False
        for target, i in list(pending):
            if reach.get(target.network, -1) <= order[target]:
                continue
            pending.remove((target, i))
            done.append((target, i))
            for source in connections[i].sources:
                needed = order[source] + (connections[i].read == 'fused')
                reach[source.network] = max(reach.get(source.network, -1), needed)
            progress = True
    sends = Counter(i for _, i in done)
    sent = [connections[i] for i in sends]
    reads = Counter((s, c.read) for c in sent for s in c.sources)
    reads.update((ref, 'fused') for ref in keep)
    fused = frozenset(target for target, _ in done)
    active = fused | {source for source, _ in reads}
    needs: dict[str, set[str]] = {name: set() for name in sites if name in reach}
    for target, i in done:
        needs[target.network] |= {s.network for s in connections[i].sources}
    names, crossing = _sources_first(needs)
    last = {
        name: frozenset(ref.site for ref in active if ref.network == name)
        for name in names
        if name not in outputs
    }
    return Demand(names, last, active, fused, reads, sends, crossing)


def _sources_first(needs: Mapping[str, set[str]]) -> tuple[tuple[str, ...], bool]:
    """Order networks so that sources run first, and tell whether none is possible."""
    order: list[str] = []
    while len(order) < len(needs):
        ready = [n for n in needs if n not in order and needs[n] <= set(order)]
        if not ready:
            return tuple(needs), True
        order.append(ready[0])
    return tuple(order), False
