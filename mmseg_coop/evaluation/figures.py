"""Pictures of predictions."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import Patch


def draw_predictions(
    columns: dict[str, Sequence[np.ndarray]],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    path: Path,
) -> None:
    """Draw images and label maps side by side, as in Figures 3 and 4 of the paper.

    Args:
        columns: Titles and pictures: images (H, W, 3) in RGB, uint8, or label maps
            (H, W), one for each row.
        classes: Names of the classes.
        palette: RGB colour of each class.
        path: File to write; its suffix gives the format.
    """
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(palette)] = palette
    rows = min(map(len, columns.values()))
    height, width = next(iter(columns.values()))[0].shape[:2]
    size = 2.2
    figure, axes = plt.subplots(
        rows,
        len(columns),
        figsize=(size * len(columns), size * rows * height / width + 0.8),
        squeeze=False,
    )
    for axis_column, (title, pictures) in zip(axes.T, columns.items(), strict=True):
        axis_column[0].set_title(title, fontsize=11)
        for axis, picture in zip(axis_column, pictures, strict=False):
            shown = colors[picture] if picture.ndim == 2 else picture
            axis.imshow(shown, interpolation='nearest')
            axis.set_axis_off()
    handles = [
        Patch(color=np.array(color) / 255, label=name)
        for name, color in zip(classes, palette, strict=True)
    ]
    figure.legend(
        handles=handles, loc='lower center', ncols=len(classes), frameon=False
    )
    figure.tight_layout(rect=(0, 0.45 / figure.get_figheight(), 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)
