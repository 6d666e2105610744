"""Entropy of predictions, pixel by pixel."""

import math

import torch
from torch import Tensor


def entropy_of(probabilities: Tensor) -> Tensor:
    """Entropy of (N, C, H, W) as a share of the highest possible, (N, H, W).

    With C = 1 they are those of one class of two. It can be exported.
    """
    if probabilities.shape[1] == 1:
        probabilities = torch.cat([probabilities, 1 - probabilities], dim=1)
    # The product with a logarithm of zero would be no number.
    logarithms = probabilities.clamp(min=torch.finfo(probabilities.dtype).tiny).log()
    total = -(probabilities * logarithms).sum(dim=1)
    return (total / math.log(probabilities.shape[1])).clamp(0, 1)
