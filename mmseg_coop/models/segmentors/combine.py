"""Average the predictions of several networks."""

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
        Logits of the mean probabilities, (N, C, H, W).
    """
    if len(logits) == 1:
        return logits[0]
    if logits[0].shape[1] == 1:
        # A mean that rounds to 1 has no logit, one of logarithms has.
        yes, no = (
            torch.stack([F.logsigmoid(sign * x) for x in logits]).logsumexp(0)
            for sign in (1, -1)
        )
        return yes - no
    total = torch.stack([F.log_softmax(x, dim=1) for x in logits]).logsumexp(0)
    return total - math.log(len(logits))
