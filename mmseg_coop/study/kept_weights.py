"""Keep only the weights of a checkpoint, in half precision."""

from pathlib import Path

import torch
from torch import Tensor

from ..checkpoints.safe_load import load_from_local
from ..checkpoints.safetensors import save_safetensors


def keep_half(checkpoint: Path, path: Path) -> None:
    """Write a checkpoint's weights in half precision.

    Vectors (norms, biases, running statistics) stay as they are: they are small, and
    some of their values are too small for float16.
    """
    content = load_from_local(str(checkpoint), 'cpu')
    content['state_dict'] = {
        name: _half(value) for name, value in content['state_dict'].items()
    }
    save_safetensors(content, path)


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of a training run from its work dir."""
    for path in folder.glob('*.pth'):
        path.unlink()
    (folder / 'last_checkpoint').unlink(missing_ok=True)


def _half(value: Tensor) -> Tensor:
    if not value.is_floating_point() or value.dim() < 2:
        return value
    half = value.to(torch.float16)
    # Values above its range would become infinite.
    return half if half.isfinite().all() else value
