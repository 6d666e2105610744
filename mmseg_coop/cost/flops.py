"""FLOPs of models, counted on the meta device."""

from collections.abc import Callable

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..models.meta_copy import copy_to, on_meta_or_cpu


def prediction_flops(model: EncoderDecoder, image_shape: tuple[int, int, int]) -> int:
    """FLOPs of what a model runs to predict one image.

    Nothing is computed, unless the model looks at values.
    """

    @torch.no_grad()
    def count(device: str) -> int:
        copied = copy_to(model, device).eval()
        image = torch.zeros(1, *image_shape, device=device)
        size = tuple(image_shape[1:])
        metas = [dict(img_shape=size, ori_shape=size, pad_shape=size)]
        return counted(lambda: copied.encode_decode(image, metas))

    return on_meta_or_cpu(count)


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
