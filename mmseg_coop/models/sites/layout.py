"""Layouts of feature maps in networks, found from the sizes of tensors."""

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from torch import Tensor

# A module whose output has another first dimension does not hold images.
BATCH = 2
_MAX_STRIDE = 128
# A class token, and four registers.
_MAX_EXTRA_TOKENS = 5


class Layout(NamedTuple):
    """Layout in which a network holds a feature map.

    Attributes:
        name: ``NCHW``, ``NHWC`` or ``NLC``.
        shape: C, H and W.
        stride: Pixels of the image for a pixel of the feature map.
        extra_tokens: Tokens in front of those of the pixels.
    """

    name: str
    shape: tuple[int, int, int]
    stride: int
    extra_tokens: int = 0


def layouts_of(feature: Tensor, image_size: Sequence[int]) -> list[Layout]:
    """The layouts that a feature map of ``BATCH`` images can have, the likeliest first.

    There are several where a feature map has as many channels as rows, and none where
    it can't be a feature map of these images.
    """
    if feature.shape[0] != BATCH:
        return []
    if feature.ndim == 3:
        return _token_layouts(feature, tuple(image_size))
    found = []
    for name, axes in (('NCHW', (1, 2, 3)), ('NHWC', (3, 1, 2))):
        shape = tuple(feature.shape[i] for i in axes)
        stride = _stride(shape[1:], tuple(image_size))
        if stride:
            found.append(Layout(name, shape, stride))
    return found


def _token_layouts(feature: Tensor, image_size: tuple[int, int]) -> list[Layout]:
    _, tokens, channels = feature.shape
    for (height, width), stride in _grids(image_size).items():
        extra = tokens - height * width
        if 0 <= extra <= _MAX_EXTRA_TOKENS:
            return [Layout('NLC', (channels, height, width), stride, extra)]
    return []


def _stride(size: tuple[int, int], image_size: tuple[int, int]) -> int | None:
    """The stride of a feature map, None if its aspect ratio is not the image's."""
    if size in _grids(image_size):
        return _grids(image_size)[size]
    (h, w), (height, width) = size, image_size
    # Convolutions without padding lose some pixels of each side.
    if abs(h * width / (w * height) - 1) > 0.1 or w * _MAX_STRIDE < width:
        return None
    return max(1, round(width / w))


@lru_cache
def _grids(image_size: tuple[int, int]) -> dict[tuple[int, int], int]:
    """Sizes of feature maps of an image, and their stride, the likeliest first.

    Of several strides that give one size, it is a power of two, or else one that
    divides the image; padding is likelier than cutting.
    """
    height, width = image_size

    def unlikely(choice: tuple[int, bool]) -> tuple[bool, bool, bool, int]:
        stride, cut = choice
        divides = height % stride == width % stride == 0
        return bool(stride & (stride - 1)), cut, not divides, stride

    found: dict[tuple[int, int], int] = {}
    choices = itertools.product(range(1, _MAX_STRIDE + 1), (False, True))
    for stride, cut in sorted(choices, key=unlikely):
        size = grid_sizes(image_size, stride)[cut]
        if all(size):
            found.setdefault(size, stride)
    return found


def grid_sizes(image_size: Sequence[int], stride: int) -> list[tuple[int, int]]:
    """Height and width of a feature map of images that were padded, or were cut."""
    height, width = image_size
    # As convolutions have it, so that a recorded graph sees that both are the same.
    padded = ((height - 1) // stride + 1, (width - 1) // stride + 1)
    return [padded, (height // stride, width // stride)]
