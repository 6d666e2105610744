"""Read and write weights in the format ``safetensors``, which can't hold code."""

import json
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from .atomic_backend import AtomicBackend
from .fingerprint import fingerprint
from .training_record import TRAINING, TRAINING_RUNS

SUFFIX = '.safetensors'
# Keys of ``meta`` that describe the weights.
_META = ('dataset_meta', 'CLASSES', 'PALETTE', 'seed', 'epoch', 'iter', 'cfg')
_META += ('experiment_name', 'time', 'mmengine_version', TRAINING, TRAINING_RUNS)


def save_safetensors(checkpoint: Mapping[str, Any], path: Path) -> None:
    """Write the weights of a checkpoint that are tested, and their description.

    With MMEngine's ``EMAHook`` these are the averaged ones. The description is ``meta``
    as JSON, in which tuples become lists.

    Raises:
        ValueError: If a weight is no tensor.
    """
    state_dict = checkpoint.get('state_dict', checkpoint)
    for name, value in state_dict.items():
        if not isinstance(value, Tensor):
            raise ValueError(f'{name} is a {type(value).__name__}, expected a tensor')
    # Copies, since the format has no shared memory.
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in state_dict.items()
    }
    meta = checkpoint.get('meta', {})
    header = dict(
        meta={key: meta[key] for key in _META if key in meta},
        versions=getattr(state_dict, '_metadata', {}),
    )
    text = json.dumps(header, default=_as_list)
    # The format itself has no checksum.
    metadata = dict(format='pt', mmseg_coop=text, sha256=_sha256(text, tensors))
    AtomicBackend().put(save(tensors, metadata), path)


def read_safetensors(path: str, map_location: Any = None) -> dict[str, Any]:
    """Read weights, and ``meta`` if ``save_safetensors`` wrote them.

    Returns:
        ``state_dict`` and ``meta``, as in a checkpoint of MMEngine.

    Raises:
        ValueError: If the file is another one, or damaged.
    """
    device = str(map_location or 'cpu')
    try:
        with safe_open(path, framework='pt', device=device) as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = metadata.get('mmseg_coop', '{}')
        if 'sha256' in metadata and metadata['sha256'] != _sha256(text, tensors):
            raise ValueError('its checksum differs')
        header = dict(versions={}, meta={}) | json.loads(text)
    except (SafetensorError, ValueError, TypeError) as error:
        raise ValueError(
            f'{path} is damaged, or not in the format safetensors ({error})'
        ) from None
    state_dict = OrderedDict(tensors)
    state_dict._metadata = header['versions']
    return dict(state_dict=state_dict, meta=header['meta'])


def _as_list(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic | Tensor):
        return value.tolist()
    raise ValueError(f'meta: found {value!r}, expected what JSON can hold')


def _sha256(text: str, tensors: Mapping[str, Tensor]) -> str:
    return sha256(f'{text}{fingerprint(tensors)}'.encode()).hexdigest()
