"""One run of a plan, which keeps feature maps until their last reader is done."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .connection import Connection, SiteRef
from .demand import Demand

if TYPE_CHECKING:
    from .plan import Plan


class NetworkDone(BaseException):
    """Ends a network at the last site that it is needed for.

    Not an ``Exception``: what networks catch themselves must not catch it.
    """


class Run:
    """Runs networks one after the other, those that others read first."""

    def __init__(self, plan: 'Plan', demand: Demand, image_size: Sequence[int]):
        self.plan = plan
        self.demand = demand
        self.image_size = tuple(image_size)
        self.reads_left = dict(demand.reads)
        self.sends_left = dict(demand.sends)
        self.missing = {name: set(sites) for name, sites in demand.sites.items()}
        self.features: dict[tuple[SiteRef, str], Tensor] = {}
        self.sent: dict[tuple[SiteRef, ...], Tensor] = {}
        self.draws: dict[str, Tensor] = {}
        self.grad = torch.is_grad_enabled()

    def all(self, call: Callable[[str], Any]) -> dict[str, Any]:
        """Run the networks, and return the results of those that run to their end."""
        results = {}
        for name in self.demand.order:
            with suppress(NetworkDone):
                results[name] = call(name)
            self.check(name)
        return results

    def check(self, network: str) -> None:
        """Raise ValueError unless a network has reached the sites it is needed for."""
        if self.missing[network]:
            site = min(self.missing[network])
            raise ValueError(
                f'site {network}.{site} was not reached in a run: its module was '
                'replaced after the model was built, is called as module.forward(), or '
                'is left out for some images; connect another site (connections.sites)'
            )

    def visit(self, network: str, site: str, feature: Tensor) -> Tensor:
        """Fuse what arrives at a site, keep it for readers, and return it."""
        ref = SiteRef(network, site)
        if site not in self.demand.sites.get(network, ()):
            return feature
        if site not in self.missing[network]:
            raise ValueError(
                f'site {ref} was reached twice in a run, expected once: connect '
                'another site (connections.sites)'
            )
        place = self.plan.site(ref)
        own, feature_map = feature, place.to_map(feature, self.image_size)
        read = self._keep(ref, 'own', feature_map)
        if ref in self.demand.fused:
            feature_map = self._fuse(ref, feature_map)
            feature = place.from_map(feature_map, own)
        read |= self._keep(ref, 'fused', feature_map)
        self.missing[network].discard(site)
        if not self.missing[network] and network in self.demand.ending:
            self.end()
        # The network may change what it continues with: others keep the original.
        copied = place.overwritten and (read or feature is not own)
        return feature.clone() if copied else feature

    def end(self) -> None:
        """End the network that has reached the last site it is needed for.

        Not while a graph is recorded: what follows is dropped from it by itself, and
        tracers expect the end of each module that they have seen the start of.
        """
        if not is_recording():
            raise NetworkDone

    def wait_for(self, source: SiteRef, read: str) -> None:
        """Make sure that a source has been passed: here its network ran before."""

    def _keep(self, ref: SiteRef, read: str, feature: Tensor) -> bool:
        kept = (ref, read) in self.reads_left
        if kept:
            self.features[ref, read] = feature
        return kept

    def _fuse(self, target: SiteRef, own: Tensor) -> Tensor:
        connection = self.demand.fused[target]
        connector = self.plan.connectors[target.identifier]
        fused = connector(own, self._receive(connection, own))
        if not is_recording() and fused.shape != own.shape:
            raise ValueError(
                f'{connection.key}.connector: {type(connector).__name__} returned '
                f"{tuple(fused.shape)} for '{connection}', expected the shape of the "
                f"network's own feature map, {tuple(own.shape)}"
            )
        if connection.dropout and connector.training:
            # Chosen by a tensor, so that every connector has a gradient.
            keep = self._draw(target.network, own) >= connection.dropout
            fused = torch.where(keep, fused, own)
        return fused

    def _draw(self, network: str, like: Tensor) -> Tensor:
        """A random number for each image, one for all connections to a network."""
        if network not in self.draws:
            size = (like.shape[0], 1, 1, 1)
            self.draws[network] = torch.rand(size, device=like.device)
        return self.draws[network]

    def _receive(self, connection: Connection, own: Tensor) -> Tensor:
        """Feature map that a connection sends, computed once for all its targets."""
        key = connection.targets
        if key not in self.sent:
            read = [self._read((s, connection.read)) for s in connection.sources]
            # A frozen network that reads it first may run without gradients.
            alike = torch.is_grad_enabled() == self.grad
            with nullcontext() if alike else torch.set_grad_enabled(self.grad):
                self.sent[key] = self._aggregate(connection, read, own)
        self.sends_left[key] -= 1
        sent = self.sent[key] if self.sends_left[key] else self.sent.pop(key)
        return _as_precise(sent, own)

    def _aggregate(
        self, connection: Connection, read: Sequence[Tensor], own: Tensor
    ) -> Tensor:
        features = [_as_precise(feature, own) for feature in read]
        if connection.detach:
            features = [feature.detach() for feature in features]
        if len(features) == 1:
            return features[0]
        return self.plan.aggregations[connection.identifier](features)

    def _read(self, what: tuple[SiteRef, str]) -> Tensor:
        self.wait_for(*what)
        self.reads_left[what] -= 1
        return self.features[what] if self.reads_left[what] else self.features.pop(what)


def is_recording() -> bool:
    """Tell whether a graph is recorded: compiled, exported or traced."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def _as_precise(arriving: Tensor, own: Tensor) -> Tensor:
    """Convert what arrives to the network's own dtype, where autocast does not."""
    if arriving.dtype == own.dtype or torch.is_autocast_enabled(own.device.type):
        return arriving
    return arriving.to(own.dtype)
