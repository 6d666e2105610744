"""Walk of a whole network, put together from those of its parts."""

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from mmseg.models.backbones import ResNet
from mmseg.models.decode_heads import ASPPHead, DAHead, DepthwiseSeparableASPPHead
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.utils import SampleList
from torch import Tensor, nn

from .aspp_head import walk_aspp_head, walk_depthwise_separable_aspp_head
from .da_head import walk_da_head
from .levels import walk_levels
from .resnet import walk_resnet
from .stop import Stop

# The key is the ``forward`` that a walk repeats, not the class: a sub-class that
# keeps it can be walked, one that overrides it falls back to running as a whole.
_BACKBONE_WALKS: dict[Callable, Callable] = {ResNet.forward: walk_resnet}
_HEAD_WALKS: dict[Callable, Callable] = {
    ASPPHead.forward: walk_aspp_head,
    DAHead.forward: walk_da_head,
    DepthwiseSeparableASPPHead.forward: walk_depthwise_separable_aspp_head,
}
_STANDARD_LOSS = BaseDecodeHead.loss
_STANDARD_PREDICT = (BaseDecodeHead.predict, DAHead.predict)


class Walked(NamedTuple):
    """What a walk returns at its end.

    Attributes:
        features: The feature maps that the heads take, (N, C, H, W) each.
        logits: What ``decode_head.forward`` returns. None for a head that cannot be
            walked; :func:`forward_head`, :func:`head_loss` and :func:`head_predict`
            then run it as a whole.
    """

    features: Sequence[Tensor]
    logits: Any


def walk(network: EncoderDecoder, inputs: Tensor) -> Generator[Stop, Tensor, Walked]:
    """Run a network, stopping at each of its sites.

    The generator yields a :class:`Stop` and is sent the feature map to go on with.
    Sent what it yielded, it computes what the network's own forward computes, to
    the bit, with the same running statistics after it.

    Args:
        network: The network to run.
        inputs: Preprocessed images, (N, C, H, W).

    Returns:
        The heads' inputs, and the decode head's logits.
    """
    backbone = network.backbone
    walk_backbone = _BACKBONE_WALKS.get(type(backbone).forward)
    if walk_backbone is not None:
        features = yield from walk_backbone(backbone, inputs)
    else:
        features = yield from walk_levels(backbone, inputs, 'backbone')
    if network.with_neck:
        features = yield from walk_levels(network.neck, features, 'neck')

    head = network.decode_head
    if not _can_walk(head):
        return Walked(features, None)
    walk_head = _HEAD_WALKS[type(head).forward]
    logits = yield from walk_head(head, features)
    return Walked(features, logits)


def forward_head(head: nn.Module, walked: Walked) -> Any:
    """The decode head's raw output, as from ``decode_head.forward``."""
    return head(walked.features) if walked.logits is None else walked.logits


def auxiliary_heads(network: nn.Module) -> list[nn.Module]:
    """All auxiliary heads of an ``EncoderDecoder``."""
    heads = getattr(network, 'auxiliary_head', None)
    if heads is None:
        return []
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]


def head_loss(
    head: nn.Module, walked: Walked, data_samples: SampleList, train_cfg: Any
) -> dict:
    """The decode head's losses, as from ``decode_head.loss``."""
    if walked.logits is None:
        return head.loss(walked.features, data_samples, train_cfg)
    return head.loss_by_feat(walked.logits, data_samples)


def head_predict(
    head: nn.Module, walked: Walked, batch_img_metas: list[dict], test_cfg: Any
) -> Tensor:
    """Logits at the size of the input, as from ``decode_head.predict``."""
    if walked.logits is None:
        return head.predict(walked.features, batch_img_metas, test_cfg)
    logits = walked.logits
    # A head with several classifiers predicts with the first (``DAHead.predict``).
    logits = logits[0] if isinstance(logits, tuple) else logits
    return head.predict_by_feat(logits, batch_img_metas)


def head_logits(
    head: nn.Module, walked: Walked, batch_img_metas: list[dict], test_cfg: Any
) -> Tensor:
    """Logits as small as they are: before ``predict`` brings them to the input's size.

    A head with a prediction of its own gives them as it does, at any size.
    """
    cls = type(head)
    standard = (
        cls.predict in _STANDARD_PREDICT
        and cls.predict_by_feat is BaseDecodeHead.predict_by_feat
    )
    if not standard:
        return head_predict(head, walked, batch_img_metas, test_cfg)
    logits = forward_head(head, walked)
    return logits[0] if isinstance(logits, tuple) else logits


def _can_walk(head: nn.Module) -> bool:
    cls = type(head)
    return (
        cls.forward in _HEAD_WALKS
        and cls.loss is _STANDARD_LOSS
        and cls.predict in _STANDARD_PREDICT
    )
