"""Kullback-Leibler divergence of predictions, pixel by pixel."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def divergence(
    student: Tensor, teachers: Sequence[Tensor], temperature: float
) -> Tensor:
    """KL(mean of the teachers || student) at each pixel, times the temperature squared.

    Logits are (N, C, H, W); with C = 1 a sigmoid gives the probability. The divergence
    is (N, H, W), in float32.
    """
    target = mean_log_probabilities(teachers, temperature)
    own = log_probabilities(student, temperature)
    found = (target.exp() * (target - own)).sum(1)
    return found * temperature**2


def disagreement(logits: Sequence[Tensor]) -> Tensor:
    """Jensen-Shannon divergence of several predictions at each pixel.

    Of logits (N, C, H, W), it is (N, 1, H, W): 0 where all agree, at most log(number of
    predictions).
    """
    mean = mean_log_probabilities(logits, 1.0)
    total = 0
    for x in logits:
        own = log_probabilities(x, 1.0)
        total = total + (own.exp() * (own - mean)).sum(1, keepdim=True)
    return total / len(logits)


def log_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Logarithms of softened probabilities, of two classes where C = 1."""
    logits = logits.float() / temperature
    if logits.shape[1] == 1:
        return torch.cat([F.logsigmoid(-logits), F.logsigmoid(logits)], dim=1)
    return F.log_softmax(logits, dim=1)


def mean_log_probabilities(logits: Sequence[Tensor], temperature: float) -> Tensor:
    """Logarithms of the mean of several predictions' probabilities."""
    found = torch.stack([log_probabilities(x, temperature) for x in logits])
    return found.logsumexp(0) - math.log(len(logits))
