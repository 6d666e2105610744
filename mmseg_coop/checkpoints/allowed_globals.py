"""Globals that a checkpoint may use beside tensors, and those beyond that.

PyTorch's "weights only" unpickler calls nothing that is not on a list. MMEngine's
checkpoints need more than it lists by itself: histories of the log, NumPy's arrays and
numbers. Why what is added here can't be turned into anything else:

- ``getattr``, with which a history names its ways to average, stands for a function
  that gives nothing back.
- ``HistoryBuffer`` stands for a sub-class that takes numbers. MMEngine's own would also
  take functions, and keep them for all histories of the process.
- ``numpy.dtype`` stands for a function that gives one of NumPy's own plain types. They
  ignore what is set on them; on any other a checkpoint could set fields that make
  NumPy take numbers for addresses of objects. Without an object type there is neither
  an array nor a scalar of objects.
- NumPy's arrays start empty and of a plain type, whatever a checkpoint asks for; what
  they are then filled with has one of these types, or NumPy refuses it.
- Types that are listed under a name without a dot may have their state set, but no
  pickle can ask for them: it writes names as ``module.name``.
"""

import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

# Older releases of PyTorch allow weights and nothing else.
_SELECTIVE = hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint')
_DTYPES = ('bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32')
_DTYPES += ('uint64', 'float16', 'float32', 'float64', 'complex64', 'complex128')
# NumPy calls them f8 and the like when it pickles them.
_PLAIN = {np.dtype(name).str[1:]: np.dtype(name) for name in _DTYPES}


@contextmanager
def allowed() -> Iterator[None]:
    """Have PyTorch's unpickler take what MMEngine's checkpoints need."""
    if not _SELECTIVE:
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


def refused(file: IO[bytes], error: Exception) -> list[str]:
    """Name what a refused checkpoint wanted to run.

    Returns:
        Functions and classes by name; none if that was not the reason.
    """
    if not isinstance(error, pickle.UnpicklingError) or not _SELECTIVE:
        return []
    named = re.findall(r'GLOBAL (\S+)', str(error))
    # Of newer pickles PyTorch reads nothing, so that it does not name a thing.
    return sorted(set(named or _globals(file)))


def too_old(error: Exception) -> bool:
    """Tell whether only a newer PyTorch could check that a checkpoint is harmless."""
    return isinstance(error, pickle.UnpicklingError) and not _SELECTIVE


class _History(HistoryBuffer):
    """A history while it is loaded."""

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


def _globals(file: IO[bytes]) -> list[str]:
    """Functions and classes that a pickle of any protocol names, but PyTorch's own."""
    file.seek(0)
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            pickles = [n for n in archive.namelist() if n.endswith('data.pkl')]
            data = b''.join(archive.read(name) for name in pickles)
    else:
        file.seek(0)
        data = file.read()
    found, texts = [], []
    try:
        for opcode, argument, _ in pickletools.genops(data):
            if opcode.name == 'GLOBAL':
                found.append(argument.replace(' ', '.'))
            elif opcode.name == 'STACK_GLOBAL':
                found.append('.'.join(texts[-2:]))
            elif isinstance(argument, str):
                texts.append(argument)
    except ValueError:
        # What comes before the fault is named all the same.
        pass
    return [name for name in found if not name.startswith(('torch.', 'collections.'))]
