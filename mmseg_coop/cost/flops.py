"""FLOPs of models."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch.overrides import BaseTorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count, sdpa_flop_count

from ..models.image_meta import image_meta
from ..models.meta_copy import copy_to, on_meta_or_cpu

# Of the CPU, which PyTorch's counter does not know; older releases have none.
_FUSED_ATTENTION = getattr(
    torch.ops.aten, '_scaled_dot_product_flash_attention_for_cpu', None
)


def prediction_flops(model: EncoderDecoder, image_shape: tuple[int, int, int]) -> int:
    """Count the FLOPs of predicting an image, (C, H, W).

    The model runs on the meta device; one that reads values of tensors, on the CPU.
    """

    @torch.no_grad()
    def count(device: str) -> int:
        copied = copy_to(model, device).eval()
        image = torch.zeros(1, *image_shape, device=device)
        metas = [image_meta(image_shape[1:])]
        return count_flops(lambda: copied.encode_decode(image, metas))

    return on_meta_or_cpu(count)


def count_flops(call: Callable[[], object]) -> int:
    """Count the FLOPs of a call.

    The gradients of fused attention on the CPU are not counted.
    """
    own = {
        torch.ops.aten.convolution_backward: _convolution_backward,
        _FUSED_ATTENTION: lambda *shapes, **_: sdpa_flop_count(*shapes[:3]),
    }
    counter = FlopCounterMode(display=False, custom_mapping=own)
    # Any such mode keeps modules from kernels of whole layers, unknown to the counter.
    with counter, BaseTorchFunctionMode():
        call()
    return counter.get_total_flops()


def _convolution_backward(
    grad: Sequence[int],
    image: Sequence[int],
    weight: Sequence[int],
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
    output_mask: Sequence[bool],
    out_shape: Any,
) -> int:
    """Count the gradients of image and weight, each as much as the forward.

    PyTorch counts the gradient of the weight as if there was one group: of a depthwise
    convolution with C channels C times too much.
    """
    forward = conv_flop_count(image, weight, grad, transposed)
    return forward * sum(output_mask[:2])
