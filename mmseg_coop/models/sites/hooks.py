"""Hooks at sites: set once when a model is built, without effect outside of a run."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from .site import Site

# Is given a site's name and the network's own tensor there; returns what the network
# goes on with.
Visitor = Callable[[str, Tensor], Tensor]


class Switch:
    """Holder of the visitor that the hooks of a network call; none outside of a run.

    It refers to nothing else of a model, so that a copy of one network is a plain
    network.
    """

    def __init__(self):
        self.visitor: Visitor | None = None


@dataclass
class SiteHook:
    """Shows a visitor what a network has at a site, and puts back what it returns.

    A class and not a closure: a copy of the model has a copy of it.
    """

    site: Site
    switch: Switch

    def __call__(self, module: nn.Module, args: tuple, *output: Any) -> Any:
        """A forward hook, or, without an output, a forward pre-hook."""
        visitor = self.switch.visitor
        if visitor is None:
            return None
        value = output[0] if output else args
        feature = self.site.read(value)
        found = visitor(self.site.name, feature)
        return None if found is feature else self.site.write(value, found)


def attach(
    network: nn.Module, sites: Mapping[str, Site], switch: Switch, first: bool = False
) -> list:
    """Set hooks at a network's sites.

    Args:
        network: The network.
        sites: Its sites.
        switch: Whom the hooks tell.
        first: Before the hooks that are there already.

    Returns:
        The handles that remove them.
    """
    handles = []
    for site in sites.values():
        module = network.get_submodule(site.address.module)
        register = (
            module.register_forward_pre_hook
            if site.address.at_input
            else module.register_forward_hook
        )
        handles.append(register(SiteHook(site, switch), prepend=first))
    return handles


@contextmanager
def observing(
    network: nn.Module,
    sites: Mapping[str, Site],
    observer: Callable[[str, Tensor], None],
) -> Iterator[None]:
    """Show an observer what a network has at its sites, before anything is fused."""

    def visit(name: str, feature: Tensor) -> Tensor:
        observer(name, feature)
        return feature

    switch = Switch()
    switch.visitor = visit
    handles = attach(network, sites, switch, first=True)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
