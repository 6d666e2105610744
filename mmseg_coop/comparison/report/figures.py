"""The figures of a report."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from textwrap import fill

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ...plot_style import STYLE
from ..comparison import Comparison, Method
from ..curves import Curve, validation_curves
from .gallery import Gallery

# Characters of a line of a title in the gallery.
_TITLE = 22
_GALLERY_ROWS = 4
# Characters that a column of the gains is wide.
_COLUMN = 12
# Curves of methods side by side.
_PANELS = 4
# Of each run, the curve of each network.
_Curves = Sequence[Mapping[str, Curve]]


def draw_curves(comparison: Comparison) -> Figure | None:
    """Draw the logged validation mIoU of each trained method, on the same scale.

    None if nothing was validated in training.
    """
    trained = [method for method in comparison.methods if method.trained]
    found = [(m, [validation_curves(run) for run in m.runs]) for m in trained]
    found = [(method, curves) for method, curves in found if any(curves)]
    if not found:
        return None
    columns = min(len(found), _PANELS)
    rows = -(-len(found) // columns)
    with rc_context(STYLE):
        size = (0.4 + 2.6 * columns, 2.1 * rows)
        figure = Figure(figsize=size, layout='constrained')
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for axis in axes[:, 0]:
            axis.set_ylabel('mIoU in %')
        for axis, panel in zip_longest(axes.flat, found):
            if panel:
                _draw_curves(axis, *panel)
            else:
                axis.remove()
        # Networks that are not selected may be far below, as one without a loss.
        axes[0, 0].set_ylim(bottom=min(_selected(found), default=2) - 2)
    return figure


def _selected(found: Sequence[tuple[Method, _Curves]]) -> Iterator[float]:
    """Yield the validation mIoU of selected predictions."""
    for method, curves in found:
        for run, curve in zip(method.runs, curves, strict=True):
            _, values = curve.get(run.results.configured, ((), ()))
            yield from values


def _draw_curves(axis: Axes, method: Method, runs: _Curves) -> None:
    """Draw the curves of each network, with a colour of its own, in each run."""
    first = next(filter(None, runs))
    for run in runs:
        for i, (name, (steps, values)) in enumerate(run.items()):
            label = name if run is first else None
            axis.plot(steps, values, f'C{i}o-', label=label, markersize=2, lw=1)
    axis.set_title(method.label, fontsize=9)
    axis.set_xlabel(method.runs[0].meta.get('logged_by', 'iteration'))
    if any(len(run) > 1 for run in runs):
        axis.legend(fontsize=8)


def draw_gains(comparison: Comparison) -> Figure | None:
    """Draw a heat map of gains over the single network: classes × methods, in points.

    None without a single network.
    """
    found = (comparison.compared(m, 'single') for m in comparison.methods)
    pairs = [pair for pair in found if pair]
    if not pairs:
        return None
    names = ['mean', *comparison.classes]
    gains = np.stack(
        [[m.miou - other.miou, *(m.iou - other.iou)] for m, other, _ in pairs], axis=1
    )
    limit = max(np.nanmax(np.abs(gains)), 1e-6)
    with rc_context(STYLE):
        size = (1.6 + 0.95 * len(pairs), 0.5 + 0.27 * len(names))
        figure = Figure(figsize=size, layout='constrained')
        axis = figure.subplots()
        axis.imshow(gains, cmap='RdBu', vmin=-limit, vmax=limit, aspect='auto')
        labels = [method.label.replace(' ', '\n') for method, *_ in pairs]
        # Names that are wider than a column run into each other.
        wide = max(map(len, '\n'.join(labels).splitlines())) > _COLUMN
        slanted = dict(rotation=30, ha='left') if wide else {}
        axis.set_xticks(range(len(pairs)), labels, **slanted)
        axis.set_yticks(range(len(names)), names)
        axis.xaxis.tick_top()
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
        for (row, column), gain in np.ndenumerate(gains):
            color = 'white' if abs(gain) > 0.6 * limit else 'black'
            text = '-' if np.isnan(gain) else f'{gain:+.1f}'
            axis.text(column, row, text, ha='center', va='center', color=color)
    return figure


def draw_gallery(gallery: Gallery, classes: Sequence[str]) -> Figure:
    """Draw the largest gains and losses, as in Figures 3 and 4 of the paper."""
    exhibits = gallery.exhibits
    if len(exhibits) > _GALLERY_ROWS:
        exhibits = exhibits[: _GALLERY_ROWS // 2] + exhibits[-_GALLERY_ROWS // 2 :]
    rows = [gallery.pictures(exhibit) for exhibit in exhibits]
    height, width = exhibits[0].label.shape
    size = (2.2 * len(rows[0]), 2.2 * len(rows) * height / width + 0.8)
    with rc_context(STYLE):
        figure = Figure(figsize=size)
        axes = figure.subplots(len(rows), len(rows[0]), squeeze=False)
        for axis, title in zip(axes[0], rows[0], strict=True):
            axis.set_title(fill(title, _TITLE))
        for axis_row, row in zip(axes, rows, strict=True):
            for axis, picture in zip(axis_row, row.values(), strict=True):
                axis.imshow(picture, interpolation='nearest')
                axis.set_axis_off()
        handles = [
            Patch(color=color / 255, label=name)
            for name, color in zip(classes, gallery.palette, strict=False)
        ]
        figure.legend(handles=handles, loc='lower center', ncols=min(len(classes), 10))
        below = 0.25 * (1 + len(classes) // 10) + 0.2
        figure.tight_layout(rect=(0, below / figure.get_figheight(), 1, 1))
    return figure
