"""Keep only the weights of a training run, in half precision."""

from pathlib import Path

import torch
from torch import Tensor

from ..checkpoints.safe_load import load_from_local
from ..checkpoints.safetensors import save_safetensors


def keep_half(checkpoint: Path) -> None:
    """Write the weights in half precision, and remove the work dir's checkpoints.

    Vectors (norms, biases, running statistics) stay as they are: they are small, and
    some of their values are too small for float16.
    """
    content = load_from_local(str(checkpoint), 'cpu')
    weights = {name: _half(value) for name, value in content['state_dict'].items()}
    folder = checkpoint.parent
    save_safetensors({**content, 'state_dict': weights}, folder / 'weights.safetensors')
    for path in [*folder.glob('*.pth'), folder / 'last_checkpoint']:
        path.unlink(missing_ok=True)


def _half(value: Tensor) -> Tensor:
    if not value.is_floating_point() or value.dim() < 2:
        return value
    half = value.to(torch.float16)
    # Values above its range would become infinite.
    return half if half.isfinite().all() else value
