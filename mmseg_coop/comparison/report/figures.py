"""The figures of a report."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ...plot_style import STYLE
from ..comparison import Comparison
from ..curves import Curve, step_unit, validation_curves

# Characters of a line of a title in the gallery.
_TITLE = 22


def draw_curves(comparison: Comparison) -> dict[str, Figure]:
    """Draw learning curves: the logged validation mIoU of each network.

    Returns:
        A figure for each trained method, by its label, all on the same scale.
    """
    found = {
        method.label: [validation_curves(run) for run in method.runs]
        for method in comparison.methods
        if method.trained
    }
    found = {label: runs for label, runs in found.items() if any(runs)}
    curves = [
        curve for runs in found.values() for run in runs for curve in run.values()
    ]
    values = [value for _, values in curves for value in values]
    limits = (min(values) - 1, max(values) + 1) if values else (0, 100)
    units = {method.label: step_unit(method.runs[0]) for method in comparison.methods}
    return {
        label: _draw_curves(label, runs, limits, units[label])
        for label, runs in found.items()
    }


def draw_gains(comparison: Comparison) -> Figure | None:
    """Draw a heat map of gains over the single network: classes × methods, in points.

    Returns:
        None without a single network to compare with.
    """
    pairs = [(m, comparison.baseline(m, 'single')) for m in comparison.methods]
    pairs = [(m, baseline) for m, baseline in pairs if baseline]
    if not pairs:
        return None
    names = ['mean', *comparison.classes]
    gains = np.stack(
        [[m.miou - other.miou, *(m.iou - other.iou)] for m, other in pairs], axis=1
    )
    limit = max(np.nanmax(np.abs(gains)), 1e-6)
    with rc_context(STYLE):
        size = (1.6 + 0.95 * len(pairs), 0.5 + 0.27 * len(names))
        figure = Figure(figsize=size, layout='constrained')
        axis = figure.subplots()
        axis.imshow(gains, cmap='RdBu', vmin=-limit, vmax=limit, aspect='auto')
        labels = [method.label.replace(' ', '\n') for method, _ in pairs]
        axis.set_xticks(range(len(pairs)), labels)
        axis.set_yticks(range(len(names)), names)
        axis.tick_params(length=0, top=True, labeltop=True, bottom=False)
        axis.tick_params(labelbottom=False)
        axis.spines[:].set_visible(False)
        for (row, column), gain in np.ndenumerate(gains):
            color = 'white' if abs(gain) > 0.6 * limit else 'black'
            text = '-' if np.isnan(gain) else f'{gain:+.1f}'
            axis.text(column, row, text, ha='center', va='center', color=color)
    return figure


def draw_gallery(
    columns: Mapping[str, Sequence[np.ndarray]],
    classes: Sequence[str],
    palette: np.ndarray,
) -> Figure:
    """Draw pictures side by side, as in Figures 3 and 4 of the paper.

    Args:
        columns: Pictures by the column's title, (H, W, 3) in RGB, uint8, one per row.
        classes: Names of the classes.
        palette: RGB colour of each class.
    """
    rows = len(next(iter(columns.values())))
    height, width = next(iter(columns.values()))[0].shape[:2]
    size = (2.2 * len(columns), 2.2 * rows * height / width + 0.8)
    with rc_context(STYLE):
        figure = Figure(figsize=size)
        axes = figure.subplots(rows, len(columns), squeeze=False)
        for axis_column, (title, pictures) in zip(axes.T, columns.items(), strict=True):
            axis_column[0].set_title(fill(title, _TITLE))
            for axis, picture in zip(axis_column, pictures, strict=True):
                axis.imshow(picture, interpolation='nearest')
                axis.set_axis_off()
        handles = [
            Patch(color=np.array(color) / 255, label=name)
            for name, color in zip(classes, palette, strict=False)
        ]
        figure.legend(handles=handles, loc='lower center', ncols=min(len(classes), 10))
        below = 0.25 * (1 + len(classes) // 10) + 0.2
        figure.tight_layout(rect=(0, below / figure.get_figheight(), 1, 1))
    return figure


def _draw_curves(
    title: str,
    runs: Sequence[Mapping[str, Curve]],
    limits: tuple[float, float],
    unit: str,
) -> Figure:
    with rc_context(STYLE):
        figure = Figure(figsize=(3.6, 2.6), layout='constrained')
        axis = figure.subplots()
        for run in runs:
            for i, (name, (steps, values)) in enumerate(run.items()):
                label = name if run is runs[0] else None
                axis.plot(steps, values, f'C{i}o-', label=label, markersize=3, lw=1.2)
        axis.set(title=title, xlabel=unit, ylabel='mIoU in %', ylim=limits)
        if any(len(run) > 1 for run in runs):
            axis.legend()
    return figure
