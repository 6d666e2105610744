"""Load checkpoints without running what strangers have put into them."""

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

_TRUST = 'MMSEG_COOP_TRUST_CHECKPOINT'
# The methods that a log history keeps references to.
_AVERAGES = ('min', 'max', 'mean', 'current')
_DTYPES = ('bool', 'int8', 'int16', 'int32', 'int64', 'uint8', 'uint16', 'uint32')
_DTYPES += ('uint64', 'float16', 'float32', 'float64', 'complex64', 'complex128')


def trust_checkpoints() -> None:
    """Let checkpoints run code from here on, in this process and those it starts."""
    os.environ[_TRUST] = '1'


@CheckpointLoader.register_scheme(prefixes='', force=True)
def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Load a local checkpoint: tensors, numbers and MMEngine's own log history.

    Takes the place of MMEngine's loader, which falls back to running anything after a
    warning, in every load by a path: tools, ``networks_init``, ``--resume``.

    Args:
        filename: The file.
        map_location: As in ``torch.load``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, or would run code when loaded; what
            it wanted to run is named.
    """
    path = os.path.expanduser(filename)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'there is no checkpoint {filename}')
    trusted = bool(os.environ.get(_TRUST))
    try:
        with _harmless_globals():
            return torch.load(path, map_location=map_location, weights_only=not trusted)
    except pickle.UnpicklingError as error:
        refused = _unsafe_names(path)
        if not refused:
            raise ValueError(_unreadable(filename, error)) from None
        raise ValueError(
            f'{filename} is refused: loading it would run {", ".join(refused)}. If you '
            'trust where it comes from, pass --trust-checkpoint'
        ) from None
    except Exception as error:
        # A broken file makes PyTorch stumble in many ways.
        raise ValueError(_unreadable(filename, error)) from None


@contextmanager
def _harmless_globals() -> Iterator[None]:
    """What MMEngine's checkpoints need beside tensors; nothing of it runs code."""
    core = getattr(np, '_core', None) or np.core
    allowed = [
        HistoryBuffer,
        np.ndarray,
        np.dtype,
        core.multiarray.scalar,
        core.multiarray._reconstruct,
        # NumPy 1 and 2 name them differently.
        (core.multiarray.scalar, 'numpy.core.multiarray.scalar'),
        (core.multiarray._reconstruct, 'numpy.core.multiarray._reconstruct'),
        (core.multiarray.scalar, 'numpy._core.multiarray.scalar'),
        (core.multiarray._reconstruct, 'numpy._core.multiarray._reconstruct'),
        (_history_method, 'builtins.getattr'),
        *{type(np.dtype(name)) for name in _DTYPES},
    ]
    with torch.serialization.safe_globals(allowed):
        yield


def _history_method(owner: Any, name: str) -> Any:
    """The only attributes that a checkpoint asks for: how a log history is averaged."""
    if owner is not HistoryBuffer or name not in _AVERAGES:
        raise pickle.UnpicklingError(f'attribute {name} of {owner}')
    return getattr(owner, name)


def _unsafe_names(path: str) -> list[str]:
    """What a checkpoint would call beyond the harmless."""
    try:
        with _harmless_globals():
            return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:
        return []


def _unreadable(filename: str, error: Exception) -> str:
    reason = str(error).split(':')[-1].split('.')[0].strip()
    if not reason or isinstance(error, pickle.UnpicklingError):
        reason = 'not written by PyTorch'
    return (
        f'{filename} is no checkpoint, or not a complete one ({reason}); expected a '
        'file that PyTorch has saved'
    )
