"""FLOPs of models, counted on the meta device."""

from collections.abc import Callable

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode


def prediction_flops(
    build: Callable[[], EncoderDecoder], height: int, width: int
) -> int:
    """FLOPs of what a model runs to predict one image.

    Args:
        build: Makes the model.
        height: Of the image.
        width: Of the image.
    """
    with torch.device('meta'):
        model = build().eval()
    return count_flops(model, height, width)


@torch.no_grad()
def count_flops(call: Callable[[Tensor], object], height: int, width: int) -> int:
    """FLOPs of a call with an image, without computing anything."""
    image = torch.empty(1, 3, height, width, device='meta')
    return counted(lambda: call(image))


def counted(call: Callable[[], object]) -> int:
    """FLOPs of a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()
