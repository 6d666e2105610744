"""Load checkpoints without running what strangers have put into them."""

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.dist import barrier, is_main_process
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

# Older releases of PyTorch allow weights and nothing else.
_SELECTIVE = hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint')
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
    warning, in every load by a path: tools, ``networks_init``, ``--resume``. Names of
    model zoos, as in ``open-mmlab://resnet101_v1c``, are still MMEngine's own.

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
    trusted = os.environ.get(_TRUST) == '1'
    with _harmless_globals():
        try:
            return torch.load(path, map_location=map_location, weights_only=not trusted)
        except Exception as error:
            # A broken file makes PyTorch stumble in many ways.
            raise ValueError(_reason(filename, path, error)) from None


@CheckpointLoader.register_scheme(prefixes=('http://', 'https://'), force=True)
def load_from_http(filename: str, map_location: Any = None) -> Any:
    """Download a checkpoint to PyTorch's cache, once, and load it like a local one.

    Args:
        filename: The URL.
        map_location: As in ``torch.load``.

    Raises:
        ValueError: If it can't be downloaded, or as for a local file.
    """
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    path = folder / Path(urlparse(filename).path).name
    if is_main_process() and not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(filename, str(path), progress=False)
        except OSError as error:
            raise ValueError(f'{filename} can not be downloaded ({error})') from None
    barrier()
    return load_from_local(str(path), map_location)


@contextmanager
def _harmless_globals() -> Iterator[None]:
    """What MMEngine's checkpoints need beside tensors; nothing of it runs code."""
    if not _SELECTIVE:
        yield
        return
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


def _reason(filename: str, path: str, error: Exception) -> str:
    """What is wrong with a checkpoint that PyTorch would not load."""
    refused = isinstance(error, pickle.UnpicklingError)
    if refused and not _SELECTIVE:
        return (
            f'{filename} is refused: it holds more than weights, which PyTorch '
            f'{torch.__version__} can not tell from harm; use PyTorch 2.6 or newer, or '
            'pass --trust-checkpoint if you trust where it comes from'
        )
    names = _unsafe_names(path) if refused else []
    if names:
        return (
            f'{filename} is refused: loading it would run {", ".join(names)}. If you '
            'trust where it comes from, pass --trust-checkpoint'
        )
    text = str(error).split(':')[-1].split('.')[0].strip()
    if refused or not text:
        text = 'not written by PyTorch'
    return (
        f'{filename} is no checkpoint, or not a complete one ({text}); expected a file '
        'that PyTorch has saved'
    )


def _unsafe_names(path: str) -> list[str]:
    """What a checkpoint would call beyond the harmless."""
    try:
        return torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:
        return []
