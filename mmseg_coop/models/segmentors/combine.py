"""Average the predictions of several networks."""

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

# Name of the averaged prediction.
MEAN = 'mean'


def mean_of_probabilities(logits: Sequence[Tensor]) -> Tensor:
    """Average networks' probabilities, as the ensemble of the paper does.

    Args:
        logits: Each network's logits, (N, C, H, W). With C = 1 a sigmoid gives the
            probability, otherwise a softmax over C. Those of one stay as they are.

    Returns:
        Logits of the mean probabilities, (N, C, H, W): their softmax (or sigmoid) is
        the mean.
    """
    if len(logits) == 1:
        return logits[0]
    if logits[0].shape[1] == 1:
        # A mean that rounds to 1 has no logit, one of logarithms has.
        yes, no = (
            _log_of_sum([F.logsigmoid(sign * x) for x in logits]) for sign in (1, -1)
        )
        return yes - no
    total = _log_of_sum([F.log_softmax(x, dim=1) for x in logits])
    return total - math.log(len(logits))


def _log_of_sum(logarithms: list[Tensor]) -> Tensor:
    """The logarithm of a sum; several times as fast as ``logsumexp`` of a stack."""
    if torch.jit.is_tracing():
        # The ONNX exporter that traces does not know logaddexp.
        return torch.stack(logarithms).logsumexp(0)
    return functools.reduce(torch.logaddexp, logarithms)
