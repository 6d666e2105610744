"""Walks of the ASPP heads: DeepLabV3 and DeepLabV3+."""

from collections.abc import Generator, Sequence

import torch
from mmseg.models.decode_heads import ASPPHead, DepthwiseSeparableASPPHead
from mmseg.models.utils import resize
from torch import Tensor

from .stop import Stop


def walk_aspp_head(
    head: ASPPHead, inputs: Sequence[Tensor]
) -> Generator[Stop, Tensor, Tensor]:
    """Run ``ASPPHead.forward`` (DeepLabV3), stopping behind the pyramid.

    Site: ``decode_head.aspp`` (stream ``trunk``), the output of the bottleneck
    that joins the pyramid's branches.

    Args:
        head: A head whose ``forward`` is that of ``ASPPHead``.
        inputs: The backbone's feature maps.

    Returns:
        Logits, (N, num_classes, H, W).
    """
    x = yield Stop('decode_head.aspp', head._forward_feature(inputs))
    return head.cls_seg(x)


def walk_depthwise_separable_aspp_head(
    head: DepthwiseSeparableASPPHead, inputs: Sequence[Tensor]
) -> Generator[Stop, Tensor, Tensor]:
    """Run ``DepthwiseSeparableASPPHead.forward`` (DeepLabV3+), stopping twice.

    Sites: ``decode_head.aspp``, as in :func:`walk_aspp_head`, and
    ``decode_head.decoder``, the feature map that is classified (stream ``trunk``).

    Args:
        head: A head whose ``forward`` is that of ``DepthwiseSeparableASPPHead``.
        inputs: The backbone's feature maps.

    Returns:
        Logits, (N, num_classes, H, W).
    """
    x = yield Stop('decode_head.aspp', head._forward_feature(inputs))
    if head.c1_bottleneck is not None:
        c1 = head.c1_bottleneck(inputs[0])
        x = resize(
            x, size=c1.shape[2:], mode='bilinear', align_corners=head.align_corners
        )
        x = torch.cat([x, c1], dim=1)
    x = yield Stop('decode_head.decoder', head.sep_bottleneck(x))
    return head.cls_seg(x)
