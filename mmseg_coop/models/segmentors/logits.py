"""Logits of one network, as small as its head gives them."""

from typing import Any

from mmseg.models.decode_heads import DAHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn

_PREDICT = (BaseDecodeHead.predict, DAHead.predict)


def small_logits(network: nn.Module, inputs: Tensor, metas: list[dict]) -> Tensor:
    """Logits before they are brought to the size of the input.

    A network or head with a prediction of its own gives them as it does, at any size.

    Args:
        network: A segmentor.
        inputs: Images, (N, C, H, W).
        metas: Meta information of each image.

    Returns:
        (N, num_classes, h, w).
    """
    if not _is_standard(network):
        return network.encode_decode(inputs, metas)
    return first(network(inputs))


def first(output: Any) -> Any:
    """Select the logits that a head with several classifiers predicts with."""
    return output[0] if isinstance(output, list | tuple) else output


def _is_standard(network: nn.Module) -> bool:
    cls, head = type(network), type(getattr(network, 'decode_head', None))
    return (
        all(
            getattr(cls, name, None) is getattr(EncoderDecoder, name)
            for name in ('encode_decode', '_forward', 'extract_feat')
        )
        and getattr(head, 'predict', None) in _PREDICT
        and head.predict_by_feat is BaseDecodeHead.predict_by_feat
    )
