"""Check logits for NaN and infinity, which a label map hides."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor


def check_finite(
    logits: Mapping[str, Tensor], metas: Sequence[Mapping[str, Any]]
) -> None:
    """Check logits before they become classes; errors name the image and network.

    Args:
        logits: Of each network by name, (N, C, H, W); without a name of a single one.
        metas: Meta information of each image.
    """
    # One value for all, so that a GPU is waited for only once.
    finite = [values.isfinite().all() for values in logits.values()]
    if torch.stack(finite).all():
        return
    images = ((n, i, x) for n, values in logits.items() for i, x in enumerate(values))
    name, i, image = next(found for found in images if not found[-1].isfinite().all())
    path = metas[i].get('img_path') or f'image {i + 1} of the batch'
    raise ValueError(
        f'{path}: {int((~image.isfinite()).sum())} of {image.numel()} logits'
        f'{f" of {name}" if name else ""} are not finite, expected numbers; check the '
        'checkpoint, or predict without half precision'
    )
