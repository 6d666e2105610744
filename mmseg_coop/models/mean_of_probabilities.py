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
        no, yes = _log_of_sum(logits).split(1, dim=1)
        return yes - no
    return mean_log_probabilities(logits)


def mean_log_probabilities(logits: Sequence[Tensor]) -> Tensor:
    """Logarithms of the mean probabilities, (N, C, H, W), of two classes if C = 1."""
    return _log_of_sum(logits) - math.log(len(logits))


def log_probabilities(logits: Tensor) -> Tensor:
    """Logarithms of probabilities, (N, C, H, W), of two classes where C = 1.

    Those of half precision are in float32: rounded ones tie for one pixel in a hundred.
    """
    if logits.dtype in (torch.float16, torch.bfloat16):
        logits = logits.float()
    if logits.shape[1] == 1:
        return torch.cat([F.logsigmoid(-logits), F.logsigmoid(logits)], dim=1)
    return F.log_softmax(logits, dim=1)


def _log_of_sum(logits: Sequence[Tensor]) -> Tensor:
    """The logarithm of a sum; several times as fast as ``logsumexp`` of a stack."""
    logarithms = [log_probabilities(x) for x in logits]
    if torch.jit.is_tracing():
        # The ONNX exporter that traces does not know logaddexp.
        return torch.stack(logarithms).logsumexp(0)
    return functools.reduce(torch.logaddexp, logarithms)
