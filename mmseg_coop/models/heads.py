"""Heads of a segmentor, and the levels of feature maps that they take."""

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn


def last_head(network: nn.Module) -> nn.Module:
    """The decode head that predicts: of a cascade, the last."""
    head = network.decode_head
    return head[-1] if isinstance(head, nn.ModuleList) else head


def auxiliary_heads(network: nn.Module) -> list[nn.Module]:
    """All auxiliary heads of a segmentor."""
    heads = getattr(network, 'auxiliary_head', None)
    if heads is None:
        return []
    return list(heads) if isinstance(heads, nn.ModuleList) else [heads]


def check_levels(head: BaseDecodeHead, name: str, levels: Sequence[Tensor]) -> None:
    """Check that a head's ``in_index`` is among the levels."""
    index = head.in_index
    indices = index if isinstance(index, list | tuple) else [index]
    count = len(levels)
    if any(not -count <= i < count for i in indices):
        raise ValueError(
            f'{name}.in_index: found {index}, but the network has {count} levels of '
            f'feature maps, expected 0 to {count - 1}'
        )
