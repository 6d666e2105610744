"""Identify weights by a hash of their names and values."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor


def fingerprint(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 of the names, types and values of tensors, in any order."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = weights[name]
        if isinstance(value, Tensor):
            digest.update(f'{name} {value.dtype} {tuple(value.shape)}'.encode())
            plain = value.detach().cpu().contiguous().reshape(-1)
            digest.update(plain.view(torch.uint8).numpy())
    return digest.hexdigest()
