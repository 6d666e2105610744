"""Compute the entropy of predictions for each pixel."""

import math

import torch
from torch import Tensor


def entropy_of(probabilities: Tensor) -> Tensor:
    """Entropy of (N, C, H, W) as a share of the highest possible, (N, H, W).

    C = 1 stands for the second of two classes. Can be exported by PyTorch.
    """
    if probabilities.shape[1] == 1:
        probabilities = torch.cat([probabilities, 1 - probabilities], dim=1)
    # Zero times the logarithm of zero would be NaN.
    logarithms = probabilities.clamp(min=torch.finfo(probabilities.dtype).tiny).log()
    total = -(probabilities * logarithms).sum(dim=1)
    return (total / math.log(probabilities.shape[1])).clamp(0, 1)
