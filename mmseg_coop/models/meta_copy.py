"""Run a copy of a network on the meta device, which computes nothing, if it can."""

import copy
from collections.abc import Callable
from typing import TypeVar

from torch import Tensor, nn

_T = TypeVar('_T')


def on_meta_or_cpu(call: Callable[[str], _T]) -> _T:
    """Run a copy of a network on ``meta``, or on ``cpu`` where it can't run there."""
    try:
        return call('meta')
    except (NotImplementedError, RuntimeError):
        # It makes tensors itself, or looks at values.
        return call('cpu')


def copy_to(network: nn.Module, device: str) -> nn.Module:
    """Copy a network to a device; each tensor is replaced while modules are copied."""
    # Gradients show what depends on what, in frozen layers, too.
    memo: dict[int, Tensor] = {
        id(p): nn.Parameter(p.detach().to(device, copy=True), p.is_floating_point())
        for p in network.parameters()
    }
    others = [x for m in network.modules() for x in vars(m).values()]
    memo |= {
        id(x): x.detach().to(device, copy=True)
        for x in (*network.buffers(), *others)
        if isinstance(x, Tensor) and id(x) not in memo
    }
    return copy.deepcopy(network, memo)
