"""Pixels near a border of their class."""

import math

import cv2
import numpy as np
import torch
from torch import Tensor

# Of the image's diagonal: the reach of Boundary IoU.
_REACH = 0.02


def near_borders(classes: Tensor, ignored: Tensor) -> Tensor:
    """Pixels with another class so close that it is within 1/50 of the diagonal.

    These are the pixels that Boundary IoU counts: those of each class's mask that
    erosion takes off (Cheng et al., Boundary IoU, CVPR 2021; distances are those of
    its code, a square). Ignored pixels have no class, so that borders with them are
    none, nor is the image's border.

    Args:
        classes: (H, W), from 0 to the number of classes.
        ignored: Whether a pixel is ignored, (H, W).

    Returns:
        (H, W), where the classes are.
    """
    # 8 bits where they do: the lowest and highest number are for what is ignored.
    small = classes.max() < np.iinfo(np.uint8).max - 1
    kind = np.uint8 if small else np.uint16
    numbers = classes.cpu().numpy().astype(kind)
    numbers += 1
    void = ignored.cpu().numpy()
    size = 2 * max(round(_REACH * math.hypot(*classes.shape)), 1) + 1
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
    # Highest and lowest class around a pixel: within an area they are the same.
    numbers[void] = 0
    highest = cv2.dilate(numbers, square)
    numbers[void] = np.iinfo(kind).max
    lowest = cv2.erode(numbers, square)
    return torch.from_numpy(highest != lowest).to(classes.device)
