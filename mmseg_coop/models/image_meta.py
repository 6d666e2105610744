"""Meta information of images."""

from collections.abc import Sequence


def image_meta(size: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Meta information of an image, (H, W), that was neither resized nor padded."""
    return dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape'), tuple(size))
