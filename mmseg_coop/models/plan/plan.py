"""Plan: all connections of a model, checked, and carried out by demand."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ..sites import Site, Walked, walk
from .checks import check_connections
from .connection import SiteRef
from .patterns import write_connections

Observer = Callable[[SiteRef, Tensor], None]


@dataclass(frozen=True)
class Demand:
    """What a run has to do to get the outputs of some networks.

    Attributes:
        last: For each network that is not run to its end, the last site it is
            needed for. A network that is not needed at all is missing.
        reads: How often the feature map of each site is read.
        sends: How many targets each connection is sent to, by its place.
    """

    last: Mapping[str, str]
    reads: Mapping[SiteRef, int]
    sends: Mapping[int, int]


class Plan:
    """The connections between the networks of a model.

    Args:
        config: The key ``connections`` of the model.
        networks: Names of the networks, in order.
        sites: The sites that each network has, in the order of a walk.

    Raises:
        ValueError: If the connections can't be carried out.
    """

    def __init__(
        self,
        config: Mapping | Sequence[Mapping] | None,
        networks: Sequence[str],
        sites: Mapping[str, Site],
    ):
        self.networks = tuple(networks)
        self.sites = dict(sites)
        self.connections = write_connections(config, networks, sites)
        check_connections(self.connections, networks, sites)
        self.incoming = {
            target: i
            for i, connection in enumerate(self.connections)
            for target in connection.targets
        }
        # What is asked for again and again, so that a run only looks it up.
        usual = [self.networks, *((name,) for name in self.networks)]
        self._demands = {outputs: self._demand(outputs) for outputs in usual}

    def __str__(self) -> str:
        return '\n'.join(map(str, self.connections)) or 'no connections'

    def run(
        self,
        networks: Mapping[str, nn.Module],
        connectors: Mapping[str, nn.Module],
        aggregations: Mapping[str, nn.Module],
        inputs: Tensor,
        outputs: Sequence[str],
        observe: Observer | None = None,
    ) -> dict[str, Walked]:
        """Run networks as far as the outputs need them.

        Args:
            networks: The networks by name.
            connectors: The connector of each target by ``SiteRef.identifier``.
            aggregations: The aggregation of each connection with several sources by
                ``Connection.identifier``.
            inputs: Preprocessed images, (N, C, H, W).
            outputs: Names of the networks whose output is wanted.
            observe: Called with each site and the network's own feature map there,
                before anything is fused.

        Returns:
            The outputs by name, in the order of the networks.
        """
        run = _Run(self, networks, connectors, aggregations, inputs, outputs, observe)
        names = [name for name in self.networks if name in outputs]
        # Readers first: they pull the others along, and what is read is used at once.
        walked = {name: run.finish(name) for name in reversed(names)}
        return {name: walked[name] for name in names}

    def demand(self, outputs: Sequence[str]) -> Demand:
        """What has to be done to get the outputs of these networks."""
        outputs = tuple(n for n in self.networks if n in outputs)
        return self._demands.get(outputs) or self._demand(outputs)

    def _demand(self, outputs: Sequence[str]) -> Demand:
        order = {site: i for i, site in enumerate(self.sites)}
        reach = dict.fromkeys(outputs, len(order))
        sends: Counter[int] = Counter()
        pending = list(self.incoming.items())
        # A connection that becomes due can make its source network run further, and
        # so make others due, until nothing changes.
        progress = True
        while progress:
            progress = False
            for target, i in list(pending):
                if reach.get(target.network, -1) < order[target.site]:
                    continue
                pending.remove((target, i))
                sends[i] += 1
                for source in self.connections[i].sources:
                    reached = reach.get(source.network, -1)
                    reach[source.network] = max(reached, order[source.site])
                progress = True
        names = list(self.sites)
        return Demand(
            last={name: names[i] for name, i in reach.items() if i < len(names)},
            reads=Counter(s for i in sends for s in self.connections[i].sources),
            sends=sends,
        )


class _Run:
    """One run of a plan.

    Each network is a suspended walk. To get an output, its walk is continued; where
    a site needs what another network has, that network's walk is continued just far
    enough first. Feature maps are kept until their last reader is done.
    """

    def __init__(
        self,
        plan: Plan,
        networks: Mapping[str, nn.Module],
        connectors: Mapping[str, nn.Module],
        aggregations: Mapping[str, nn.Module],
        inputs: Tensor,
        outputs: Sequence[str],
        observe: Observer | None,
    ):
        demand = plan.demand(outputs)
        self.plan = plan
        self.observe = observe
        self.connectors = connectors
        self.aggregations = aggregations
        self.last = demand.last
        self.reads = dict(demand.reads)
        self.sends = dict(demand.sends)
        self.walks = {name: walk(networks[name], inputs) for name in plan.networks}
        # What each walk is sent next; a generator is started with None.
        self.next: dict[str, Tensor | None] = dict.fromkeys(plan.networks)
        self.features: dict[SiteRef, Tensor] = {}
        self.sent: dict[int, Tensor] = {}

    def finish(self, network: str) -> Walked:
        """Continue a walk to its end."""
        output = None
        while output is None:
            output = self._step(network)
        return output

    def _step(self, network: str) -> Walked | None:
        """Continue a walk to its next site, or to its end."""
        feature = self.next[network]
        self.next[network] = None
        try:
            stop = self.walks[network].send(feature)
        except StopIteration as end:
            return end.value
        self._pass(SiteRef(network, stop.site), stop.feature)
        return None

    def _pass(self, ref: SiteRef, feature: Tensor) -> None:
        """Fuse what arrives at a site, keep it for readers, and let it go on."""
        if self.observe is not None:
            self.observe(ref, feature)
        fused = ref in self.plan.incoming
        if fused:
            incoming = self._receive(self.plan.incoming[ref])
            feature = self.connectors[ref.identifier](feature, incoming)
        read = ref in self.reads
        if read:
            self.features[ref] = feature
        if self.last.get(ref.network) == ref.site:
            # Nothing behind its last site is run, nothing before it is kept.
            del self.walks[ref.network]
            return
        # The network may change what it is sent: others keep the original.
        copy = self.plan.sites[ref.site].overwritten and (read or fused)
        self.next[ref.network] = feature.clone() if copy else feature

    def _receive(self, i: int) -> Tensor:
        """What a connection sends, made once for all its targets."""
        if i not in self.sent:
            connection = self.plan.connections[i]
            features = [self._read(source) for source in connection.sources]
            if len(features) == 1:
                self.sent[i] = features[0]
            else:
                self.sent[i] = self.aggregations[connection.identifier](features)
        self.sends[i] -= 1
        return self.sent[i] if self.sends[i] else self.sent.pop(i)

    def _read(self, source: SiteRef) -> Tensor:
        """The feature map of a site, for which its network is run if need be."""
        while source not in self.features:
            self._step(source.network)
        self.reads[source] -= 1
        return (
            self.features[source] if self.reads[source] else self.features.pop(source)
        )
