"""Work that a run has to do to get some outputs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from .connection import Incoming, SiteRef, Sites
from .dependencies import Feature, dependencies, needed_for


@dataclass(frozen=True)
class Demand:
    """Work that a run has to do to get some outputs.

    Attributes:
        order: The networks that have to run, those that others read first.
        sites: The sites of each of them that are read or fused.
        ending: Those that stop at the last of their sites; others run to their ends.
        fused: The sites at which something arrives, with the connection to each.
        reads: How often a feature map is read.
        sends: How many of a connection's targets it is sent to.
        crossing: Networks need each other, and have to take turns.
    """

    order: tuple[str, ...]
    sites: Mapping[str, frozenset[str]]
    ending: frozenset[str]
    fused: Incoming
    reads: Mapping[Feature, int]
    sends: Mapping[tuple[SiteRef, ...], int]
    crossing: bool


def find_demand(
    incoming: Incoming,
    sites: Sites,
    outputs: Sequence[str | SiteRef],
    parts: Sequence[str] | None = None,
) -> Demand:
    """Find out what has to be done.

    Args:
        incoming: The connection to each target.
        sites: The sites of each network, in the order in which it reaches them.
        outputs: Networks whose output is wanted, and sites whose feature map is.
        parts: Of these networks only the sites in these parts are passed. Default: all.
    """
    asked = [(ref, 'fused') for ref in outputs if isinstance(ref, SiteRef)]
    wanted = [
        (SiteRef(name, site), 'fused')
        for name in sites
        if name in outputs
        for site, place in sites[name].items()
        if parts is None or place.part in parts
    ]
    needed = needed_for([*wanted, *asked], dependencies(incoming, sites))
    fused = {t: c for t, c in incoming.items() if (t, 'fused') in needed}
    sent = {c.targets: c for c in fused.values()}.values()
    reads = Counter((source, c.read) for c in sent for source in c.sources)
    reads.update(asked)
    active = fused.keys() | {source for source, _ in reads}
    running = {ref.network for ref, _ in needed}.union(outputs)
    # Not sets, whose order differs between processes.
    before: dict[str, dict] = {name: {} for name in sites if name in running}
    for target, connection in fused.items():
        before[target.network] |= dict.fromkeys(s.network for s in connection.sources)
    try:
        order, crossing = tuple(TopologicalSorter(before).static_order()), False
    except CycleError:
        order, crossing = tuple(before), True
    return Demand(
        order=order,
        sites={
            name: frozenset(ref.site for ref in active if ref.network == name)
            for name in order
        },
        ending=frozenset(order).difference(outputs),
        fused=fused,
        reads=reads,
        sends=Counter(connection.targets for connection in fused.values()),
        crossing=crossing,
    )
