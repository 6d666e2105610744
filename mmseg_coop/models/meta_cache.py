"""Remember the shapes that the meta device gives: its kernels are slow Python code."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode


class RememberedShapes(TorchDispatchMode):
    """Skip operators that have met inputs of these shapes: make outputs of known ones.

    A batch norm takes the meta device as long as a small image the CPU, a bilinear
    resize ten times as long. Autograd still records what depends on what. Views,
    operators in place and those on values are run as always.
    """

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        # Operators that make tensors of numbers are fast.
        tensors = any(isinstance(value, Tensor | list) for value in args)
        if tensors and isinstance(func, OpOverload) and not _shares_memory(func):
            with suppress(TypeError):
                frozen = _frozen(args), _frozen(tuple(kwargs.items()))
                return _thawed(_output(func, *frozen))
        return func(*args, **kwargs)


@dataclass(frozen=True, slots=True)
class _Like:
    """Everything that a new tensor of the meta device needs."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class _Value:
    """A value that is no tensor; 1, 1.0 and True are not the same."""

    kind: type
    value: Any


@lru_cache(maxsize=4096)
def _output(func: OpOverload, args: tuple, kwargs: tuple) -> Any:
    return _frozen(func(*_thawed(args), **dict(_thawed(kwargs))))


@cache
def _shares_memory(func: OpOverload) -> bool:
    return any(argument.alias_info for argument in func._schema.arguments)


def _frozen(value: Any) -> Any:
    """A value to look up; TypeError if it is no shape, and can't be remembered."""
    if isinstance(value, Tensor):
        if not value.is_meta or value.layout != torch.strided or value.is_complex():
            raise TypeError
        return _Like(tuple(value.shape), value.stride(), value.dtype)
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, value))
    hash(value)
    return _Value(type(value), value)


def _thawed(value: Any) -> Any:
    if isinstance(value, _Like):
        return torch.empty_strided(
            value.shape, value.stride, dtype=value.dtype, device='meta'
        )
    return tuple(map(_thawed, value)) if isinstance(value, tuple) else value.value
