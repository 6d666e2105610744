"""Convert checkpoints to another format."""

from io import BytesIO
from pathlib import Path

import torch

from .atomic_backend import AtomicBackend
from .safe_load import read_checkpoint
from .safetensors import SUFFIX, save_safetensors


def convert_checkpoint(source: str, target: str) -> None:
    """Write the weights and ``meta`` of a checkpoint in another format.

    The state of the training run (optimizer, log, weights before averaging) is left
    out: the result is for testing, prediction and ``networks_init``.

    Args:
        source: The checkpoint, ``.safetensors`` or any that PyTorch has saved.
        target: ``.safetensors`` or ``.pth``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the source is no checkpoint, or would run code when loaded, or
            the target has another suffix or is the source.
    """
    path = Path(target)
    if path.suffix not in (SUFFIX, '.pth'):
        raise ValueError(
            f'{target}: found suffix {path.suffix!r}, expected {SUFFIX} or .pth'
        )
    if path.resolve() == Path(source).resolve():
        raise ValueError(f'{target} is the source; expected another file')
    checkpoint = read_checkpoint(source, 'cpu')
    if path.suffix == SUFFIX:
        save_safetensors(checkpoint, path)
        return
    weights = dict(
        state_dict=checkpoint.get('state_dict', checkpoint),
        meta=checkpoint.get('meta', {}),
    )
    data = BytesIO()
    torch.save(weights, data)
    AtomicBackend().put(data.getvalue(), path)
