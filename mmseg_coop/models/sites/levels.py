"""Fallback walk: the output levels of any backbone or neck are its sites."""

from collections.abc import Generator
from typing import Any

from torch import Tensor, nn

from .stop import Stop


def walk_levels(
    module: nn.Module, inputs: Any, name: str
) -> Generator[Stop, Tensor, Any]:
    """Run a module as a whole, then stop at each of its outputs.

    Sites: ``{name}.0``, ``{name}.1``, … (stream ``trunk``), one for each feature
    map of shape (N, C, H, W) among the outputs. What is sent at a site reaches what
    follows the module, not the module's own deeper levels.

    Args:
        module: A backbone or neck.
        inputs: What the module takes.
        name: ``backbone`` or ``neck``.

    Returns:
        The module's outputs, in the type in which it returns them.
    """
    outputs = module(inputs)
    if isinstance(outputs, Tensor):
        return (yield Stop(f'{name}.0', outputs))
    levels = list(outputs)
    for i, level in enumerate(levels):
        if isinstance(level, Tensor) and level.ndim == 4:
            levels[i] = yield Stop(f'{name}.{i}', level)
    return levels if isinstance(outputs, list) else tuple(levels)
