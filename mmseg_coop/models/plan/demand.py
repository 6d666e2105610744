"""Work that a run has to do to get some outputs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from .connection import Connection, SiteRef, Sites
from .dependencies import Feature, dependencies, needed_for


@dataclass(frozen=True)
class Demand:
    """Work that a run has to do to get some outputs.

    Attributes:
        order: The networks that have to run, those that others read first.
        last: Needed sites of each network that stops at the last of them, by name.
            Networks in ``order`` that are missing here run to their ends.
        active: The sites that a run passes and that are read or fused.
        fused: Those of them at which something arrives.
        reads: How often a feature map is read.
        sends: How many targets each connection is sent to, by its place.
        crossing: Networks need each other, and have to take turns.
    """

    order: tuple[str, ...]
    last: Mapping[str, frozenset[str]]
    active: frozenset[SiteRef]
    fused: frozenset[SiteRef]
    reads: Mapping[Feature, int]
    sends: Mapping[int, int]
    crossing: bool


def find_demand(
    connections: Sequence[Connection],
    sites: Sites,
    outputs: Sequence[str | SiteRef],
    parts: Sequence[str] | None = None,
) -> Demand:
    """Find out what has to be done.

    Args:
        connections: All connections.
        sites: The sites of each network, in the order in which it reaches them.
        outputs: Names of the networks whose output is wanted, and sites whose feature
            map is.
        parts: Of these networks only the sites in these parts are passed. Default: all.
    """
    kept = [(ref, 'fused') for ref in outputs if isinstance(ref, SiteRef)]
    wanted = [
        (SiteRef(name, site), 'fused')
        for name in sites
        if name in outputs
        for site, place in sites[name].items()
        if parts is None or place.part in parts
    ]
    needed = needed_for([*wanted, *kept], dependencies(connections, sites))
    fused = [
        (target, i)
        for i, connection in enumerate(connections)
        for target in connection.targets
        if (target, 'fused') in needed
    ]
    sends = Counter(i for _, i in fused)
    reads = Counter(
        (source, connections[i].read)
        for i in sends
        for source in connections[i].sources
    )
    reads.update(kept)
    targets = frozenset(target for target, _ in fused)
    active = targets | {source for source, _ in reads}
    running = {ref.network for ref, _ in needed}.union(outputs)
    before: dict[str, set[str]] = {name: set() for name in sites if name in running}
    for target, i in fused:
        before[target.network] |= {s.network for s in connections[i].sources}
    try:
        order, crossing = tuple(TopologicalSorter(before).static_order()), False
    except CycleError:
        order, crossing = tuple(before), True
    last = {
        name: frozenset(ref.site for ref in active if ref.network == name)
        for name in order
        if name not in outputs
    }
    return Demand(order, last, active, targets, reads, sends, crossing)
