"""Boundary IoU against erosion of each class's mask."""

import cv2
import numpy as np
import pytest
import torch

from mmseg_coop.datasets.toy_scene import ToyScene
from mmseg_coop.evaluation.borders import near_borders
from mmseg_coop.evaluation.counts import count

CLASSES = 7


def eroded(mask: np.ndarray, void: np.ndarray) -> np.ndarray:
    """Pixels of a mask near its border, as in the code of Boundary IoU's authors.

    Here the image's border and what is ignored are no borders.
    """
    radius = max(round(0.02 * np.hypot(*mask.shape)), 1)
    kernel = np.ones((3, 3), np.uint8)
    filled = (mask | void).astype(np.uint8)
    inside = cv2.erode(
        filled, kernel, iterations=radius, borderType=cv2.BORDER_CONSTANT, borderValue=1
    )
    return mask & ~inside.astype(bool)


def scenes(height, width):
    """Ground truth with void, and a prediction that is a little off."""
    label = ToyScene(3, height, width).label.astype(np.int64)
    predicted = np.roll(label, (2, -3), (0, 1))
    predicted[predicted == 255] = 0
    label[height // 2 : height // 2 + 5, 10:40] = 255
    return label, predicted


@pytest.mark.parametrize('size', [(180, 240), (64, 96), (20, 15), (1, 1)])
def test_equals_erosion_of_each_class(size):
    label, predicted = scenes(*size)
    void = label == 255
    found = count(
        torch.from_numpy(label), [torch.from_numpy(predicted)], 1, CLASSES, 255
    )['borders'][0]
    for c in range(CLASSES):
        truth = eroded(label == c, void)
        own = eroded((predicted == c) & ~void, void)
        expected = [(truth & own).sum(), own.sum(), truth.sum()]
        assert found[:, c].tolist() == expected


def test_a_right_prediction_is_right_at_its_borders():
    label, _ = scenes(180, 240)
    predicted = np.where(label == 255, 3, label)
    intersect, own, truth = count(
        torch.from_numpy(label), [torch.from_numpy(predicted)], 1, CLASSES, 255
    )['borders'][0]
    assert np.array_equal(intersect, own) and np.array_equal(intersect, truth)
    assert intersect.sum() > 0


def test_reach_by_hand():
    """50 x 50: the diagonal's fiftieth is 1.41, so that one pixel is near."""
    classes = torch.zeros(50, 50, dtype=torch.int)
    classes[:, 20:] = 1
    near = near_borders(classes, torch.zeros_like(classes, dtype=torch.bool))
    assert near.any(0).nonzero().flatten().tolist() == [19, 20]
    assert near[:, 19:21].all()
