"""Kullback-Leibler divergence of predictions, pixel by pixel."""

from collections.abc import Sequence

from torch import Tensor

from ..mean_of_probabilities import log_probabilities, mean_log_probabilities


def divergence(
    student: Tensor, teachers: Sequence[Tensor], temperature: float
) -> Tensor:
    """KL(mean of the teachers || student) at each pixel, times the temperature squared.

    Logits are (N, C, H, W); with C = 1 a sigmoid gives the probability. The divergence
    is (N, H, W).
    """
    target = mean_log_probabilities([x / temperature for x in teachers])
    own = log_probabilities(student / temperature)
    found = (target.exp() * (target - own)).sum(1)
    return found * temperature**2


def disagreement(logits: Sequence[Tensor]) -> Tensor:
    """Jensen-Shannon divergence of several predictions at each pixel.

    Of logits (N, C, H, W), it is (N, 1, H, W): 0 where all agree, at most log(number of
    predictions).
    """
    mean = mean_log_probabilities(logits)
    total = 0
    for x in logits:
        own = log_probabilities(x)
        total = total + (own.exp() * (own - mean)).sum(1, keepdim=True)
    return total / len(logits)
