"""Which pixels are near a border of their class."""

import math

import torch
from torch import Tensor

# Of the image's diagonal: the reach of Boundary IoU.
_REACH = 0.02
_LOWEST = torch.iinfo(torch.int16).min


def near_borders(classes: Tensor, ignored: Tensor) -> Tensor:
    """Pixels with another class so close that it is within 1/50 of the diagonal.

    These are the pixels that Boundary IoU counts: those of each class's mask that
    erosion takes off (Cheng et al., Boundary IoU, CVPR 2021; distances are those of
    its code, a square). Ignored pixels have no class, so that borders with them are
    none, nor is the image's border.

    Args:
        classes: (H, W), 0 or more.
        ignored: Whether a pixel is ignored, (H, W).
    """
    classes = classes.to(torch.int16)
    radius = max(round(_REACH * math.hypot(*classes.shape)), 1)
    # Of the square around a pixel the highest class, and the lowest one negated.
    ends = torch.stack([classes, -classes]).masked_fill_(ignored, _LOWEST)
    for dim in (1, 2):
        ends = _sliding_max(ends, radius, dim)
    return ends[0] != -ends[1]


def _sliding_max(x: Tensor, radius: int, dim: int) -> Tensor:
    """Maximum within a distance along a dimension, in log2(radius) steps."""
    shape = list(x.shape)
    shape[dim] = radius
    margin = x.new_full(shape, _LOWEST)
    x = torch.cat([margin, x, margin], dim)
    reach, width = 1, 2 * radius + 1
    while reach < width:
        step = min(reach, width - reach)
        rest = x.shape[dim] - step
        x = torch.maximum(x.narrow(dim, 0, rest), x.narrow(dim, step, rest))
        reach += step
    return x
