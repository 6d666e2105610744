"""Count pixels of predictions by class, on the predictions' device."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from .borders import near_borders

# Columns of a pair's counts: which of two networks are right for a pixel.
BOTH_WRONG, BOTH_WRONG_ALIKE, ONLY_SECOND, ONLY_FIRST, BOTH_RIGHT = range(5)


def count(
    label: Tensor,
    predictions: Sequence[Tensor],
    networks: int,
    num_classes: int,
    ignore_index: int,
) -> dict[str, np.ndarray]:
    """Count the pixels of one image. Only the counts leave the device.

    Args:
        label: Ground truth, (H, W).
        predictions: Label maps, (H, W), P of them: those of the networks, their mean.
        networks: Number of networks.
        num_classes: C.
        ignore_index: The label of ignored pixels. Pixels with other labels that are no
            class count as wrong predictions, as in MMSegmentation's ``IoUMetric``.

    Returns:
        ``areas``, (P, 3, C): intersection, predicted and labelled pixels of each class
        for each prediction, which are the diagonal, the column sums and the row sums of
        its confusion matrix, enough for IoU and accuracy. Of several networks there is
        one more, of an oracle that is right where any network is, and otherwise
        predicts as the last prediction. ``borders``, (P, 3, C): the same of the pixels
        near a border of their class, for Boundary IoU. ``pairs``, (pairs, C, 5):
        agreement of each two networks on the pixels of each class.
    """
    columns = [_columns(prediction, num_classes) for prediction in predictions]
    rows = _columns(label, num_classes)
    ignored = label == ignore_index
    rows = rows.masked_fill_(ignored, num_classes + 1)
    near = near_borders(rows, ignored)
    counted = [
        _areas_and_borders(
            rows, near, column, near_borders(column, ignored), num_classes
        )
        for column in columns
    ]
    areas, borders = map(list, zip(*counted, strict=True))
    right = [column == rows for column in columns[:networks]]
    if networks > 1:
        best = torch.where(torch.stack(right).any(0), rows, columns[-1])
        oracle, _ = _areas_and_borders(rows, near, best, near, num_classes)
        areas.append(oracle)
    pairs = [
        _pair(rows, columns[i] == columns[j], right[i], right[j], num_classes)
        for i, j in combinations(range(networks), 2)
    ]
    counts = dict(areas=areas, borders=borders, pairs=pairs)
    return {
        name: torch.stack(values).cpu().numpy() if values else np.empty(0)
        for name, values in counts.items()
    }


def _columns(classes: Tensor, num_classes: int) -> Tensor:
    """Convert classes to int32, with ``num_classes`` for values that are no class."""
    small = classes.clamp(max=num_classes).to(torch.int32)
    return small.masked_fill_(small < 0, num_classes)


def _areas_and_borders(
    rows: Tensor,
    near_rows: Tensor,
    columns: Tensor,
    near_columns: Tensor,
    num_classes: int,
) -> tuple[Tensor, Tensor]:
    """Compute areas of all pixels, and of those near a border of their class."""
    width = num_classes + 1
    cells = (rows * width + columns).mul_(4)
    cells += near_rows.int().mul_(2).add_(near_columns)
    matrix = torch.bincount(
        cells.flatten(), minlength=(num_classes + 2) * width * 4
    ).view(num_classes + 2, width, 2, 2)[:-1]
    areas = matrix.sum((2, 3))
    both, predicted, labelled = (
        matrix[..., 1, 1],
        matrix[..., 1].sum(2),
        matrix[..., 1, :].sum(2),
    )
    return _sums(areas, areas, areas), _sums(both, predicted, labelled)


def _sums(both: Tensor, predicted: Tensor, labelled: Tensor) -> Tensor:
    """Diagonal, column sums and row sums of the classes, (3, C)."""
    classes = both.shape[1] - 1
    sums = [both.diagonal(), predicted.sum(0), labelled.sum(1)]
    return torch.stack([values[:classes] for values in sums])


def _pair(
    rows: Tensor, alike: Tensor, first: Tensor, second: Tensor, num_classes: int
) -> Tensor:
    """Agreement of two networks on the pixels of each class, (C, 5)."""
    # Right and alike: 4; only the first: 3; only the second: 2; wrong and alike: 1.
    state = 3 * first.int() + torch.where(alike, 1, 2 * second.int())
    counts = torch.bincount(
        (rows * 5 + state).flatten(), minlength=(num_classes + 2) * 5
    )
    return counts.view(num_classes + 2, 5)[:num_classes]
