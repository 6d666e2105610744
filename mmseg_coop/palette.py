"""Colours of classes."""

from collections.abc import Sequence

import numpy as np


def full_palette(colors: Sequence | None, classes: int) -> np.ndarray:
    """Colours of all values of a label map.

    Args:
        colors: RGB colours of the classes; None for those that MMSegmentation gives
            to the classes of a dataset without any.
        classes: Number of classes.

    Returns:
        RGB colours, (256, 3); black where there is no class.
    """
    palette = np.zeros((256, 3), np.uint8)
    if colors is None:
        colors = np.random.RandomState(42).randint(0, 255, (classes, 3))
    palette[: len(colors)] = colors
    return palette
