"""Plan: all connections of a model, checked, and carried out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from mmengine.model import BaseModule, ModuleDict
from torch import Tensor, nn

from ..sites import Site, Switch, attach
from .build_modules import build_aggregation, build_connector
from .checks import check_connections
from .connection import Connection, SiteRef
from .demand import Demand, find_demand
from .run import Run
from .trained_targets import read_targets, trained_targets, used_connections


class Plan(BaseModule):
    """The connections between the networks of a model.

    Args:
        connections: The connections.
        sites: The sites of each network, in the order in which it reaches them.
        align_corners: How the networks resize.
        trained: Names of the networks that have losses. Default: all.
        kept: Sites that losses between networks read.

    Attributes:
        networks: Names of the networks, in order.
        trained: Those that have losses.
        connectors: The connector of each target by ``SiteRef.identifier``.
        aggregations: The aggregation of each connection with several sources by
            ``Connection.identifier``.
        incoming: Index in ``connections`` of the connection to each target.
        learning: The targets whose connectors are trained; those of the others, which
            only frozen networks predict with, are frozen, too.
        switched_off: Targets at which nothing arrives; see :meth:`without`.
        crossing: Whether networks read each other, so that a run can't be compiled,
            traced or exported.

    Raises:
        ValueError: If the connections can't be carried out.
    """

    def __init__(
        self,
        connections: Sequence[Connection],
        sites: Mapping[str, Mapping[str, Site]],
        align_corners: bool = False,
        trained: Sequence[str] | None = None,
        kept: Sequence[SiteRef] = (),
    ):
        super().__init__()
        check_connections(connections, sites)
        self.networks = tuple(sites)
        self.sites = {network: dict(own) for network, own in sites.items()}
        trained = self.networks if trained is None else tuple(trained)
        self.trained = trained
        self.kept = tuple(dict.fromkeys(kept))
        self.learning = trained_targets(connections, sites, trained)
        used = self.learning | read_targets(connections, sites, self.kept)
        self.connections = tuple(used_connections(connections, used))
        self.incoming = {
            target: i
            for i, connection in enumerate(self.connections)
            for target in connection.targets
        }
        self.switched_off: frozenset[SiteRef] = frozenset()
        self.connectors, self.aggregations = ModuleDict(), ModuleDict()
        for connection in self.connections:
            self._build(connection, align_corners)
        self._frozen = list(self._frozen_modules())
        for module in self._frozen:
            module.requires_grad_(False)
        self._switches = {name: Switch() for name in self.networks}
        # Cache of the demands that every iteration has.
        usual = [self.networks, trained, *((name,) for name in self.networks)]
        self._demands = {
            (outputs, keep): self._find_demand(outputs, keep=keep)
            for outputs, keep in [
                *((names, ()) for names in usual),
                (trained, self.kept),
            ]
        }
        self.crossing = self._demands[self.networks, ()].crossing

    def attach(self, networks: Mapping[str, nn.Module]) -> None:
        """Set hooks at the sites of connections, once, when the model is built."""
        refs = {
            ref
            for connection in self.connections
            for ref in (*connection.sources, *connection.targets)
        }.union(self.kept)
        for name, network in networks.items():
            own = self.sites[name].items()
            connected = {k: s for k, s in own if SiteRef(name, k) in refs}
            attach(network, connected, self._switches[name])

    def run(
        self,
        call: Callable[[str], Any],
        outputs: Sequence[str],
        image_size: Sequence[int],
        parts: Sequence[str] | None = None,
    ) -> dict[str, Any]:
        """Run networks as far as the outputs need them.

        Networks run one after the other, those that others read first; a network whose
        output is not wanted ends at the last site that it is needed for.

        Args:
            call: Runs the network of a name.
            outputs: Names of the networks whose output is wanted.
            image_size: Height and width of the images.
            parts: Parts that ``call`` runs of these networks. Default: all.

        Returns:
            What ``call`` returned for each output, in the order of the networks.

        Raises:
            RuntimeError: If the plan is in another run.
            ValueError: If a site was not reached, or twice.
        """
        return self._run(call, outputs, image_size, parts, ())[0]

    def check_compiles(self) -> None:
        """Check that a run can be compiled.

        Raises:
            ValueError: If networks read each other.
        """
        if self.crossing:
            from .crossing_run import CANT_RECORD

            raise ValueError(CANT_RECORD)

    def run_keeping(
        self,
        call: Callable[[str], Any],
        outputs: Sequence[str],
        image_size: Sequence[int],
    ) -> tuple[dict[str, Any], dict[SiteRef, Tensor]]:
        """Run networks as :meth:`run` does, and as far as losses between them read.

        Returns:
            What ``call`` returned for each output, and the feature map of each site
            in ``kept``, (N, C, H, W), as its network goes on with it.
        """
        return self._run(call, outputs, image_size, None, self.kept)

    def _run(
        self,
        call: Callable[[str], Any],
        outputs: Sequence[str],
        image_size: Sequence[int],
        parts: Sequence[str] | None,
        keep: tuple[SiteRef, ...],
    ) -> tuple[dict[str, Any], dict[SiteRef, Tensor]]:
        outputs = tuple(name for name in self.networks if name in outputs)
        if not self.connections and not keep:
            return {name: call(name) for name in outputs}, {}
        if any(switch.visitor is not None for switch in self._switches.values()):
            raise RuntimeError(
                'a cooperative model was run while it is running: run it in one '
                'thread, and not from its own hooks'
            )
        run = self._new_run(self._demand(outputs, parts, keep), image_size)
        for name, switch in self._switches.items():
            switch.visitor = partial(run.visit, name)
        try:
            results = run.all(call)
        finally:
            for switch in self._switches.values():
                switch.visitor = None
        kept = {ref: run.features[ref, 'fused'] for ref in keep}
        return {name: results[name] for name in outputs}, kept

    def train(self, mode: bool = True) -> 'Plan':
        """Set the mode; frozen connectors stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    @contextmanager
    def without(self, targets: Sequence[str]) -> Iterator[None]:
        """Run as a model without the connections to some targets.

        Nothing is fused there: the network goes on with its own feature map.

        Args:
            targets: As in ``bottom.backbone.layer3``.

        Raises:
            ValueError: If one is no target.
        """
        known = {str(target): target for target in self.incoming}
        for text in targets:
            if text not in known:
                raise ValueError(
                    f'{text!r} is no target of a connection; the targets are '
                    f'{", ".join(known)}'
                )
        before = self.switched_off
        self.switched_off = before | {known[text] for text in targets}
        try:
            yield
        finally:
            self.switched_off = before

    def is_deep(self, ref: SiteRef) -> bool:
        """Tell whether later layers of a site's part of the network depend on it."""
        return self.sites[ref.network][ref.site].deep

    def demand(self, network: str) -> Demand:
        """Work that the prediction of a network needs."""
        return self._demand((network,), None, ())

    @property
    def receiver(self) -> str:
        """The last trained network that receives and that nobody reads.

        Without one, the last trained one that receives, or else the last trained one.
        """
        receiving = {target.network for target in self.incoming}
        read = {ref.network for c in self.connections for ref in c.sources}
        trained = [n for n in self.networks if n in self.trained] or self.networks
        choices = (receiving - read, receiving, set(trained))
        return next(
            name for choice in choices for name in reversed(trained) if name in choice
        )

    @property
    def inside_backbones(self) -> bool:
        """Tell whether anything is exchanged inside of a backbone."""
        return any(
            self.is_deep(ref) and self.sites[ref.network][ref.site].part == 'backbone'
            for ref in self.incoming
        )

    def __str__(self) -> str:
        lines = []
        for connection in self.connections:
            targets = (
                f'{target} ({"deep" if self.is_deep(target) else "late"})'
                for target in connection.targets
            )
            sources = ' + '.join(map(str, connection.sources))
            lines.append(f'{sources} -> {", ".join(targets)}')
        return '\n'.join(lines) or 'no connections'

    def _build(self, connection: Connection, align_corners: bool) -> None:
        """Build the modules that a connection needs."""
        sources = [self.sites[ref.network][ref.site] for ref in connection.sources]
        channels = sources[0].channels
        if len(sources) > 1:
            aggregation = build_aggregation(connection, sources, align_corners)
            self.aggregations[connection.identifier] = aggregation
            channels = aggregation.out_channels
        for target in connection.targets:
            site = self.sites[target.network][target.site]
            self.connectors[target.identifier] = build_connector(
                connection, target, site, channels, align_corners
            )

    def _frozen_modules(self) -> Iterator[nn.Module]:
        for connection in self.connections:
            idle = not self.learning.intersection(connection.targets)
            if idle and connection.identifier in self.aggregations:
                yield self.aggregations[connection.identifier]
        for target in self.incoming:
            if target not in self.learning:
                yield self.connectors[target.identifier]

    def _new_run(self, demand: Demand, image_size: Sequence[int]) -> Run:
        if not demand.crossing:
            return Run(self, demand, image_size)
        from .crossing_run import CrossingRun

        return CrossingRun(self, demand, image_size)

    def _demand(
        self,
        outputs: tuple[str, ...],
        parts: Sequence[str] | None,
        keep: tuple[SiteRef, ...],
    ) -> Demand:
        if parts is None and (outputs, keep) in self._demands:
            return self._demands[outputs, keep]
        return self._find_demand(outputs, parts, keep)

    def _find_demand(
        self,
        outputs: tuple[str, ...],
        parts: Sequence[str] | None = None,
        keep: tuple[SiteRef, ...] = (),
    ) -> Demand:
        return find_demand(self.connections, self.sites, outputs, parts, keep)
