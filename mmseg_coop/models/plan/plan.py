"""Plan: all connections of a model, checked, and carried out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mmengine.model import BaseModule, ModuleDict
from torch import nn

from ..build_module import build_module
from ..sites import Site, VisitorSlot, attach
from .checks import check_connections
from .connection import Connection, Incoming, SiteRef, Sites
from .crossing_run import CrossingRun
from .demand import Demand, find_demand
from .dependencies import reaching
from .restrict import used_connections
from .run import Run


class Plan(BaseModule):
    """The connections between the networks of a model.

    Args:
        connections: The connections.
        sites: The sites of each network, in the order in which it reaches them.
        align_corners: How the networks resize.
        trained: Names of the networks that have losses. Default: all.
        loss_sites: Sites that losses between networks read.

    Attributes:
        networks: Names of the networks, in order.
        trained: Those that have losses.
        connectors: The connector of each target by ``SiteRef.identifier``.
        aggregations: The aggregation of each connection with several sources by
            ``Connection.identifier``.
        incoming: The connection to each target.
        trained_targets: The targets whose connectors are trained; those of the others,
            which only frozen networks predict with, are frozen, too.
        crossing: Whether networks read each other, so that a run can't be compiled,
            traced or exported.

    Raises:
        ValueError: If the connections can't be carried out.
    """

    def __init__(
        self,
        connections: Sequence[Connection],
        sites: Sites,
        align_corners: bool = False,
        trained: Sequence[str] | None = None,
        loss_sites: Sequence[SiteRef] = (),
    ):
        super().__init__()
        check_connections(connections, sites)
        self.networks = tuple(sites)
        self.sites = {network: dict(own) for network, own in sites.items()}
        self.trained = self.networks if trained is None else tuple(trained)
        self.loss_sites = tuple(loss_sites)
        incoming = _incoming(connections)
        ends = [target for target in incoming if target.network in self.trained]
        # No gradient reaches the sources of a detached connection.
        passing = {target: c for target, c in incoming.items() if not c.detach}
        self.trained_targets = incoming.keys() & reaching(ends, passing, sites)
        # A detached connection sends the same values.
        used = reaching([*ends, *self.loss_sites], incoming, sites)
        self.connections = tuple(used_connections(connections, used))
        self.incoming = _incoming(self.connections)
        self.connectors, self.aggregations = ModuleDict(), ModuleDict()
        self._frozen: list[nn.Module] = []
        for connection in self.connections:
            self._build(connection, align_corners)
        for module in self._frozen:
            module.requires_grad_(False)
        self._slot = VisitorSlot()
        self._switched_on: Incoming = self.incoming
        self._demands = self._find_demands()
        self.crossing = self._demands[self.networks].crossing

    def attach(self, networks: Mapping[str, nn.Module]) -> None:
        """Set hooks at the sites of connections, once, when the model is built."""
        refs = {ref for c in self.connections for ref in (*c.sources, *c.targets)}
        refs.update(self.loss_sites)
        connected = {
            name: {site: own[site] for site in own if (name, site) in refs}
            for name, own in self.sites.items()
        }
        attach(networks, connected, self._slot)

    def run(
        self,
        call: Callable[[str], Any],
        outputs: Sequence[str | SiteRef],
        image_size: Sequence[int],
        parts: Sequence[str] | None = None,
    ) -> dict[str | SiteRef, Any]:
        """Run networks as far as the outputs need them.

        Networks run one after the other, those that others read first; a network whose
        output is not wanted ends at the last site that it is needed for.

        Args:
            call: Runs the network of a name.
            outputs: Names of the networks whose output is wanted, and those of the
                sites in ``loss_sites`` whose feature map is.
            image_size: Height and width of the images.
            parts: Parts that ``call`` runs of these networks. Default: all.

        Returns:
            What ``call`` returned for each network, and the feature map of each site,
            (N, C, H, W), as its network continues with it.

        Raises:
            RuntimeError: If the plan is in another run.
            ValueError: If a site was not reached, or twice.
        """
        outputs = tuple(outputs)
        if not self.connections and not self.loss_sites:
            return {name: call(name) for name in outputs}
        if self._slot.visitor is not None:
            raise RuntimeError(
                'a cooperative model was run while it is running: run it in one '
                'thread, and not from its own hooks'
            )
        if parts is None and outputs in self._demands:
            demand = self._demands[outputs]
        else:
            demand = find_demand(self._switched_on, self.sites, outputs, parts)
        run = (CrossingRun if demand.crossing else Run)(self, demand, image_size)
        self._slot.visitor = run.visit
        try:
            results = run.all(call)
        finally:
            self._slot.visitor = None
        return {
            output: run.features[output, 'fused']
            if isinstance(output, SiteRef)
            else results[output]
            for output in outputs
        }

    def train(self, mode: bool = True) -> 'Plan':
        """Set the mode; frozen connectors stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    @contextmanager
    def without(self, targets: Sequence[str]) -> Iterator[None]:
        """Run as a model without the connections to some targets.

        Nothing is sent there: the network continues with its own feature map.

        Args:
            targets: As in ``bottom.backbone.layer3``.

        Raises:
            KeyError: If one is no target.
        """
        known = {str(target): target for target in self.incoming}
        off = {known[target] for target in targets}
        before = self._switched_on, self._demands
        self._switched_on = {t: c for t, c in before[0].items() if t not in off}
        self._demands = self._find_demands()
        try:
            yield
        finally:
            self._switched_on, self._demands = before

    def site(self, ref: SiteRef) -> Site:
        """The site that a reference names."""
        return self.sites[ref.network][ref.site]

    def demand(self, network: str) -> Demand:
        """Work that the prediction of a network needs."""
        return self._demands[network,]

    @property
    def default_prediction(self) -> str:
        """The last trained network that receives feature maps and sends none.

        Without one, the last trained one that receives, or else the last trained one.
        """
        receiving = {target.network for target in self.incoming}
        read = {ref.network for c in self.connections for ref in c.sources}
        last_first = [name for name in reversed(self.networks) if name in self.trained]
        # Of equal ones max takes the first.
        return max(last_first, key=lambda n: (n in receiving - read, n in receiving))

    @property
    def inside_backbones(self) -> bool:
        """Tell whether anything is exchanged inside of a backbone."""
        sites = map(self.site, self.incoming)
        return any(site.deep and site.part == 'backbone' for site in sites)

    def __str__(self) -> str:
        lines = []
        for connection in self.connections:
            targets = (
                f'{target} ({"deep" if self.site(target).deep else "late"})'
                for target in connection.targets
            )
            sources = ' + '.join(map(str, connection.sources))
            lines.append(f'{sources} -> {", ".join(targets)}')
        return '\n'.join(lines) or 'no connections'

    def _find_demands(self) -> dict[tuple, Demand]:
        """The demands that every iteration has: a compiled graph can't find them."""
        usual = [self.networks, (*self.trained, *self.loss_sites)]
        usual += [(name,) for name in self.networks]
        return {
            outputs: find_demand(self._switched_on, self.sites, outputs)
            for outputs in usual
        }

    def _build(self, connection: Connection, align_corners: bool) -> None:
        """Build the modules that a connection needs."""
        sources = [self.site(ref) for ref in connection.sources]
        channels = sources[0].channels
        if len(sources) > 1:
            inferred = dict(
                in_channels=[site.channels for site in sources],
                strides=[site.stride for site in sources],
                align_corners=align_corners,
            )
            key = f'{connection.key}.aggregation'
            aggregation = build_module(key, connection.aggregation, inferred)
            self.aggregations[connection.identifier] = aggregation
            channels = aggregation.out_channels
            if not self.trained_targets.intersection(connection.targets):
                self._frozen.append(aggregation)
        for target in connection.targets:
            inferred = dict(
                channels=self.site(target).channels,
                source_channels=channels,
                align_corners=align_corners,
            )
            key = f'{connection.key}.connector'
            connector = build_module(key, connection.connector, inferred)
            self.connectors[target.identifier] = connector
            if target not in self.trained_targets:
                self._frozen.append(connector)


def _incoming(connections: Sequence[Connection]) -> Incoming:
    return {target: c for c in connections for target in c.targets}
