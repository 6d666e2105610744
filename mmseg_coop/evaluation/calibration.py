"""Measure calibration: sums of each image for ECE and NLL."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

# Field of a sample that keeps its sums.
CALIBRATION_FIELD = 'calibration'
BINS = 15
# Rows of the sums of a bin.
PIXELS, RIGHT, CONFIDENCE, NLL = range(4)
# Wrong and right pixels of each bin, and ignored pixels.
_CELLS = 2 * BINS + 1


class Calibration:
    """Sum up the pixels of an image in bins of confidence, for each prediction.

    Confidence is the probability of the predicted class; the bins have equal widths.
    ``predict_labels`` calls it with probabilities and label maps of a few rows at a
    time, so that probabilities of the whole image are never in memory. Pixels whose
    label is no class are ignored.

    Args:
        label: Ground truth, (H, W).
        ignore_index: The label of ignored pixels.
    """

    def __init__(self, label: Tensor, ignore_index: int):
        self._label = label
        self._ignore_index = ignore_index
        self._rows = 0
        self._sums: dict[str, Tensor] = {}

    @torch.no_grad()
    def __call__(
        self, scores: Mapping[str, Tensor], labels: Mapping[str, Tensor]
    ) -> None:
        """Add the next rows.

        Args:
            scores: By prediction, probabilities times a positive number of each pixel,
                (1, C, r, W).
            labels: Their label maps, (1, r, W).
        """
        first = next(iter(scores.values()))
        device, (classes, height) = first.device, first.shape[1:3]
        truth = self._label[self._rows : self._rows + height].to(device).long()[None]
        self._rows += height
        target = truth.clamp(0, classes - 1)
        ignored = (truth == self._ignore_index) | (truth != target)
        # Apple's GPUs have no float64.
        kind = torch.float32 if device.type == 'mps' else torch.float64
        for name, share in scores.items():
            if name not in self._sums:
                self._sums[name] = torch.zeros(3, _CELLS, dtype=kind, device=device)
            sums, label = self._sums[name], labels[name]
            total = share.sum(dim=1)
            confidence = _confidence(share, label).div_(total)
            likelihood = _pick(share, target).div_(total)
            # A probability that rounds to zero would make the NLL infinite.
            likelihood.clamp_(min=torch.finfo(likelihood.dtype).tiny)
            cell = (confidence * BINS).long().clamp_(max=BINS - 1)
            cell.add_(label == target, alpha=BINS).masked_fill_(ignored, _CELLS - 1)
            cell = cell.flatten()
            sums[0] += torch.bincount(cell, minlength=_CELLS)
            values = torch.stack([confidence, likelihood.log_()]).flatten(1)
            # Unlike bincount with weights it has a deterministic variant on GPUs.
            sums[1:].scatter_add_(1, cell.expand(2, -1), values.to(sums.dtype))

    def sums(self) -> np.ndarray:
        """Pixels, right pixels, confidence and NLL of each prediction, (P, 4, BINS)."""
        cells = torch.stack([*self._sums.values()]).cpu().double()
        wrong, right = cells[..., :BINS], cells[..., BINS : 2 * BINS]
        pixels, confidence, likelihood = (wrong + right).unbind(dim=1)
        table = torch.stack([pixels, right[:, 0], confidence, -likelihood], dim=1)
        return table.numpy()


def ece(sums: np.ndarray) -> np.ndarray:
    """Expected calibration error in percent, (...), from (..., 4, BINS).

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, Eq. (5): the
    difference of accuracy and confidence of the bins, weighted by their pixels.
    """
    pixels = sums[..., PIXELS, :].sum(-1)
    gaps = np.abs(sums[..., RIGHT, :] - sums[..., CONFIDENCE, :]).sum(-1)
    with np.errstate(invalid='ignore'):
        return 100 * gaps / pixels


def nll(sums: np.ndarray) -> np.ndarray:
    """Mean negative log-likelihood of labels in nats, (...), from (..., 4, BINS)."""
    with np.errstate(invalid='ignore'):
        return sums[..., NLL, :].sum(-1) / sums[..., PIXELS, :].sum(-1)


def _confidence(scores: Tensor, label: Tensor) -> Tensor:
    """Score (1, r, W) of the predicted class, from (1, C, r, W)."""
    if scores.shape[1] == 2:
        # A threshold may have selected the less probable class.
        return _pick(scores, label.long())
    return scores.amax(dim=1)


def _pick(scores: Tensor, classes: Tensor) -> Tensor:
    """Score (1, r, W) of one class for each pixel, from (1, C, r, W)."""
    return scores.gather(1, classes[:, None])[:, 0]
