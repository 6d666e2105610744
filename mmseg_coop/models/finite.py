"""Check logits for NaN and infinity, which a label map hides."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def check_finite(
    logits: Mapping[str, Tensor], metas: Sequence[Mapping[str, Any]]
) -> None:
    """Check logits before they become classes.

    Args:
        logits: Of each network by name, (N, C, H, W); without a name of a single one.
        metas: Meta information of each image.

    Raises:
        ValueError: If one is NaN or infinite; names the image and the network.
    """
    # One value for all, so that a GPU is waited for only once.
    finite = [values.isfinite().all() for values in logits.values()]
    if torch.stack(finite).all():
        return
    for name, values in logits.items():
        for i, (image, meta) in enumerate(zip(values, metas, strict=True)):
            count = int((~image.isfinite()).sum())
            if count:
                path = meta.get('img_path') or f'image {i + 1} of the batch'
                network = f' of {name}' if name else ''
                raise ValueError(
                    f'{path}: {count} of {image.numel()} logits{network} are not '
                    'finite, expected numbers; check the checkpoint, or predict '
                    'without half precision'
                )
