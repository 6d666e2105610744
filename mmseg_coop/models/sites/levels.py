"""Check that heads take levels that the network has."""

from collections.abc import Sequence

from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor


def check_levels(head: BaseDecodeHead, name: str, levels: Sequence[Tensor]) -> None:
    """Check a head's ``in_index``.

    Args:
        head: The head.
        name: Its path, for the error.
        levels: What the backbone or neck gives it.

    Raises:
        ValueError: If there is no such level.
    """
    index = head.in_index
    indices = index if isinstance(index, list | tuple) else [index]
    count = len(levels)
    if any(not -count <= i < count for i in indices):
        raise ValueError(
            f'{name}.in_index: found {index}, but the network has {count} levels of '
            f'feature maps, expected 0 to {count - 1}'
        )
