"""Logits of one network, as small as its head gives them."""

import math
from collections.abc import Sequence
from typing import Any

from mmseg.models.decode_heads import DAHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.models.utils import resize
from torch import Tensor, nn

from .overridden import overridden

_FORWARD = ('encode_decode', '_forward', 'extract_feat')
_PREDICT = (BaseDecodeHead.predict, DAHead.predict)


def small_logits(network: nn.Module, inputs: Tensor, metas: list[dict]) -> Tensor:
    """Logits (N, num_classes, h, w), before they are resized to the input.

    A network or head that overrides its prediction is called as it is: any size.
    """
    head = type(getattr(network, 'decode_head', None))
    standard = (
        not overridden(type(network), EncoderDecoder, _FORWARD)
        and getattr(head, 'predict', None) in _PREDICT
        and head.predict_by_feat is BaseDecodeHead.predict_by_feat
    )
    return first(network(inputs)) if standard else network.encode_decode(inputs, metas)


def first(output: Any) -> Any:
    """Select the logits that a head with several classifiers predicts with."""
    return output[0] if isinstance(output, list | tuple) else output


def at_largest(logits: Sequence[Tensor], align_corners: bool) -> list[Tensor]:
    """Resize logits, (N, C, any h, any w), to the size of those with most pixels."""
    size = max((tuple(x.shape[2:]) for x in logits), key=math.prod)
    return [resized(x, size, align_corners) for x in logits]


def resized(x: Tensor, size: tuple[int, int], align_corners: bool) -> Tensor:
    """Resize (N, C, H, W) as segmentors do, if it has another size."""
    if x.shape[2:] == size:
        return x
    return resize(x, size, None, 'bilinear', align_corners, warning=False)
