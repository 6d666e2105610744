"""Find pixels near a border of their class, for Boundary IoU."""

import math

import cv2
import numpy as np
import torch
from torch import Tensor

# Distance to the border as a share of the image's diagonal, as in Boundary IoU.
_REACH = 0.02


def near_borders(classes: Tensor, ignored: Tensor) -> Tensor:
    """Find pixels with another class within 1/50 of the image's diagonal.

    Boundary IoU counts these pixels: erosion removes them from their class's mask
    (Cheng et al., Boundary IoU, CVPR 2021; with the square kernel of its code). Borders
    with ignored pixels and the border of the image don't count.

    Args:
        classes: (H, W), from 0 to the number of classes.
        ignored: True for ignored pixels, (H, W).

    Returns:
        True for pixels near a border, (H, W), on the device of ``classes``.
    """
    # 8 bits if they suffice; the lowest and highest number mark ignored pixels.
    small = classes.max() < np.iinfo(np.uint8).max - 1
    kind = np.uint8 if small else np.uint16
    numbers = classes.cpu().numpy().astype(kind)
    numbers += 1
    void = ignored.cpu().numpy()
    size = 2 * max(round(_REACH * math.hypot(*classes.shape)), 1) + 1
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (size, size))
    # Highest and lowest class around a pixel; away from borders they are equal.
    numbers[void] = 0
    highest = cv2.dilate(numbers, square)
    numbers[void] = np.iinfo(kind).max
    lowest = cv2.erode(numbers, square)
    return torch.from_numpy(highest != lowest).to(classes.device)
