"""Runs of plans in which networks read each other: networks take turns."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from greenlet import GreenletExit, getcurrent, greenlet

from .connection import SiteRef
from .run import Run, is_recording

CANT_RECORD = (
    "connections: networks read each other (as in pattern='cross'), and have to take "
    "turns, which can't be compiled, traced or exported; leave out compile, or use a "
    'pattern of one direction'
)
_DEVICE_TYPES = ('cpu', 'cuda')


class CrossingRun(Run):
    """Run each network in a greenlet that pauses at its sites.

    Where a network needs what another has at a site, the other is continued until it
    has passed it. Gradient mode and autocast belong to the thread: each network has its
    own. It can't be compiled, traced or exported.
    """

    def all(self, call: Callable[[str], Any]) -> dict[str, Any]:
        """Run networks; see :meth:`Run.all`."""
        if is_recording():
            raise ValueError(CANT_RECORD)
        start = _ThreadState()

        def begin(name: str) -> None:
            # Gradient mode and autocast of the caller, not of the network that waits.
            start.restore()
            self.results[name] = call(name)

        self.paused = {n: greenlet(partial(begin, n)) for n in self.demand.order}
        self.results: dict[str, Any] = {}
        try:
            for name in self.demand.order:
                while name not in self.results and (
                    name not in self.demand.ending or self.missing[name]
                ):
                    self._continue(name)
        finally:
            # Contexts that a network has entered, such as autocast, are left again.
            for other in self.paused.values():
                if not other.dead:
                    other.parent = getcurrent()
                    self._resume(other.throw, GreenletExit)
        for name in self.demand.order:
            self.check(name)
        return self.results

    def visit(self, network: str, site: str, feature: torch.Tensor) -> torch.Tensor:
        """Let the others continue once this network has something for them."""
        feature = super().visit(network, site, feature)
        self._pause()
        return feature

    def _keep(self, ref: SiteRef, read: str, feature: torch.Tensor) -> bool:
        kept = super()._keep(ref, read, feature)
        if kept and read == 'own':
            self._pause()
        return kept

    def end(self) -> None:
        """Do nothing: a network that is not needed any more is not resumed."""

    def wait_for(self, source: SiteRef, read: str) -> None:
        """Continue the network of a source until it has passed it."""
        while (source, read) not in self.features:
            if self.paused[source.network].dead:
                self.check(source.network)
            self._continue(source.network)

    def _continue(self, network: str) -> None:
        self.paused[network].parent = getcurrent()
        self._resume(self.paused[network].switch)

    def _pause(self) -> None:
        self._resume(getcurrent().parent.switch)

    def _resume(self, resume: Callable[..., Any], *arguments: Any) -> None:
        state = _ThreadState()
        try:
            resume(*arguments)
        finally:
            state.restore()


class _ThreadState:
    """Gradient mode and autocast of this thread."""

    def __init__(self):
        self.grad = torch.is_grad_enabled()
        self.cache = torch.is_autocast_cache_enabled()
        self.autocast = {
            name: (torch.is_autocast_enabled(name), torch.get_autocast_dtype(name))
            for name in _DEVICE_TYPES
        }

    def restore(self) -> None:
        torch.set_grad_enabled(self.grad)
        torch.set_autocast_cache_enabled(self.cache)
        for device, (enabled, dtype) in self.autocast.items():
            torch.set_autocast_enabled(device, enabled)
            torch.set_autocast_dtype(device, dtype)
