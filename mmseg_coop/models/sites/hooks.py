"""Hooks at sites: set once when a model is built, without effect outside of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .site import Site

# Called with the names of a network and a site, and the network's own tensor there;
# returns what the network continues with.
Visitor = Callable[[str, str, Tensor], Tensor]


class VisitorSlot:
    """Holder of the visitor that hooks call; none outside of a run.

    It refers to nothing else of a model, so that a copy of one network is a plain
    network.
    """

    def __init__(self):
        self.visitor: Visitor | None = None
        # Networks and sites that are not to be computed again: something arrived, or
        # left without a gradient.
        self.unrepeatable: set[tuple[str, str]] = set()

    def __deepcopy__(self, memo: dict) -> 'VisitorSlot':
        """A copy that is made inside of a run is not part of that run."""
        return memo.setdefault(id(self), VisitorSlot())


@dataclass
class SiteHook:
    """Show a visitor what a network has at a site, and put its result there.

    A class and not a closure: a copy of the model has a copy of it.

    The norm that follows a convolution is given as the module that has both and the
    norm's name there.
    """

    network: str
    site: Site
    slot: VisitorSlot
    norm: tuple[nn.Module, str] | None = None

    def __call__(self, module: nn.Module, args: tuple, *output: Any) -> Any:
        """A forward hook, or, without an output, a forward pre-hook."""
        visitor = self.slot.visitor
        if visitor is None:
            self._check_not_in_backward()
            return None
        if self._norm_is_gone():
            raise ValueError(
                f'site {self.site.name}: its convolution was fused with the norm '
                'behind it (fuse_conv_bn) after the model was built, and gives another '
                'feature map; leave the model as it is, or connect behind the norm'
            )
        value = output[0] if output else args
        feature = self.site.address.read(value)
        found = visitor(self.network, self.site.name, feature)
        if not torch.compiler.is_compiling():
            sites = self.slot.unrepeatable
            # Reentrant checkpointing runs what is inside without gradients at first.
            repeatable = found is feature and torch.is_grad_enabled()
            (sites.discard if repeatable else sites.add)((self.network, self.site.name))
        return None if found is feature else self.site.address.write(value, found)

    def _check_not_in_backward(self) -> None:
        """Check that the site is not computed again, outside of the run."""
        site = self.network, self.site.name
        # As torch.utils.checkpoint tells whether a graph is in its backward pass.
        if site in self.slot.unrepeatable and torch._C._current_graph_task_id() != -1:
            raise RuntimeError(
                f'site {self.site.name} of {self.network}: activation checkpointing '
                'computes it again in the backward pass, without what other networks '
                'sent there and without the gradient of what it sent; use '
                'model.with_cp=True in place of activation_checkpointing or of what '
                'recomputes this site'
            )

    def _norm_is_gone(self) -> bool:
        if self.norm is None:
            return False
        parent, name = self.norm
        return not isinstance(parent.get_submodule(name), _BatchNorm)


def attach(
    networks: Mapping[str, nn.Module],
    sites: Mapping[str, Mapping[str, Site]],
    slot: VisitorSlot,
    first: bool = False,
) -> list:
    """Set hooks at the sites of networks; returns the handles that remove them."""
    handles = []
    for name, network in networks.items():
        for site in sites[name].values():
            module = network.get_submodule(site.address.module)
            register = (
                module.register_forward_pre_hook
                if site.address.at_input
                else module.register_forward_hook
            )
            hook = SiteHook(name, site, slot, _norm_of(network, site))
            handles.append(register(hook, prepend=first))
    return handles


def _norm_of(network: nn.Module, site: Site) -> tuple[nn.Module, str] | None:
    """The norm that ``fuse_conv_bn`` would fuse with the convolution of a site."""
    place, _, name = site.address.module.rpartition('.')
    parent = network.get_submodule(place)
    last = None
    for child, module in parent.named_children():
        if isinstance(module, nn.Conv2d):
            last = child
        elif isinstance(module, _BatchNorm):
            if last == name and not site.address.at_input:
                return parent, child
            last = None
    return None
