"""Predict in sliding windows, with several networks at once."""

import itertools
from collections.abc import Callable

from torch import Tensor


def slide(
    encode_decode: Callable[[Tensor], list[Tensor]],
    inputs: Tensor,
    crop_size: tuple[int, int],
    stride: tuple[int, int],
) -> list[Tensor]:
    """Predict in overlapping windows and average the logits where they overlap.

    Windows and average are those of ``EncoderDecoder.slide_inference``, for several
    networks at once, added in place.

    Args:
        encode_decode: Gives each network's logits (N, C, h, w) for a window of the
            images, (N, 3, h, w).
        inputs: Images, (N, 3, H, W).
        crop_size: Height and width of a window, or of a smaller image.
        stride: Steps between windows, down and right.

    Returns:
        Each network's logits, (N, C, H, W); NaN where no window is.
    """
    height, width = inputs.shape[-2:]
    rows = _starts(height, crop_size[0], stride[0])
    columns = _starts(width, crop_size[1], stride[1])
    count = inputs.new_zeros(1, 1, height, width)
    totals: list[Tensor] = []
    for y, x in itertools.product(rows, columns):
        window = (..., slice(y, y + crop_size[0]), slice(x, x + crop_size[1]))
        parts = encode_decode(inputs[window])
        if not totals:
            # As precise as the images, also where logits are half precision.
            shapes = [(*part.shape[:2], height, width) for part in parts]
            totals = [inputs.new_zeros(shape) for shape in shapes]
        for total, part in zip(totals, parts, strict=True):
            total[window] += part
        count[window] += 1
    return [total.div_(count) for total in totals]


def _starts(length: int, crop: int, stride: int) -> list[int]:
    """Starts of the windows; the last one is moved back to end with the image."""
    steps = max(length - crop + stride - 1, 0) // stride + 1
    return [max(min(i * stride, length - crop), 0) for i in range(steps)]
