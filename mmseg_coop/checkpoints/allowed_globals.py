"""Functions and classes that a checkpoint may use beside tensors.

PyTorch's "weights only" unpickler calls only what is on its list. MMEngine's
checkpoints need more than it lists by default: histories of the log, NumPy's arrays and
numbers. The additions, and why a harmful checkpoint can't misuse them:

- ``getattr``, which histories use to name their statistics, is replaced by a function
  that returns None.
- ``HistoryBuffer`` is replaced by a sub-class that takes numbers only. MMEngine's also
  takes functions, and keeps them for all histories of the process.
- ``numpy.dtype`` is replaced by a function that returns one of NumPy's plain types,
  which ignore attempts to set their state. On other types a checkpoint could set
  fields that make NumPy read numbers as addresses of objects. Without an object type
  there are no arrays or scalars of objects.
- NumPy's arrays start empty and with a plain type, whatever the checkpoint says; NumPy
  refuses to fill them with another type.
- The plain types and ``ndarray`` are listed because the unpickler sets their state.
  They have names without a dot, which a pickle can't ask for: it writes names as
  ``module.name``.
"""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

# Older releases of PyTorch allow weights and nothing else.
SELECTIVE = hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint')
_DTYPES = ('bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32')
_DTYPES += ('uint64', 'float16', 'float32', 'float64', 'complex64', 'complex128')
# NumPy calls them f8 and the like when it pickles them.
_PLAIN = {np.dtype(name).str[1:]: np.dtype(name) for name in _DTYPES}


@contextmanager
def allowed() -> Iterator[None]:
    """Let PyTorch's unpickler load MMEngine's checkpoints."""
    if not SELECTIVE:
        yield
        return
    core = (getattr(np, '_core', None) or np.core).multiarray
    names = [
        (_History, 'mmengine.logging.history_buffer.HistoryBuffer'),
        (_no_method, 'builtins.getattr'),
        (_plain_dtype, 'numpy.dtype'),
        (_empty_array, 'numpy.ndarray'),
        *((type(value), name) for name, value in _PLAIN.items()),
        (np.ndarray, 'ndarray'),
    ]
    # NumPy 1 and 2 name them differently.
    for module in ('numpy.core.multiarray', 'numpy._core.multiarray'):
        names.append((core.scalar, f'{module}.scalar'))
        names.append((_empty_array, f'{module}._reconstruct'))
    with torch.serialization.safe_globals(names):
        yield


class _History(HistoryBuffer):
    """``HistoryBuffer`` that becomes MMEngine's when its numbers are loaded."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(
            state['_log_history'], state['_count_history'], state['max_length']
        )
        self.__class__ = HistoryBuffer


def _no_method(owner: Any, name: str) -> None:
    if owner is not _History:
        owner = getattr(owner, '__name__', type(owner).__name__)
        raise pickle.UnpicklingError(f'GLOBAL {owner}.{name}')


def _plain_dtype(name: str, *_: Any) -> np.dtype:
    if name not in _PLAIN:
        raise pickle.UnpicklingError(f'GLOBAL numpy.dtype({name!r})')
    return _PLAIN[name]


def _empty_array(*_: Any) -> np.ndarray:
    return np.empty(0, np.int8)
