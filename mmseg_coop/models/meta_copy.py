"""Run a copy of a network on the meta device, which computes nothing, if it can."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

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
    memo: dict[int, Any] = {}
    for module in network.modules():
        for values in (module._parameters, module._buffers, vars(module)):
            for value in values.values():
                if isinstance(value, Tensor) and id(value) not in memo:
                    memo[id(value)] = _moved(value, device)
    return copy.deepcopy(network, memo)


def _moved(value: Tensor, device: str) -> Tensor:
    moved = value.detach().to(device, copy=True)
    if isinstance(value, nn.Parameter):
        # Gradients show what depends on what, in frozen layers, too.
        return nn.Parameter(moved, requires_grad=value.is_floating_point())
    return moved
