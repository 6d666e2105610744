"""Plots of the measured rows."""

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from mmseg_coop.plot_style import STYLE

from .records import Record
from .results import Panel

_COLORS = {True: 'tab:green', False: 'tab:red', None: 'tab:gray'}
_FONT = 8


def write_plots(folder: Path, records: dict[str, Record]) -> None:
    """Write ``ratios.png`` and ``growth.png``, as far as there is anything to show."""
    folder.mkdir(parents=True, exist_ok=True)
    with rc_context(STYLE):
        if any(record.measurements for record in records.values()):
            _draw_ratios(records, folder / 'ratios.png')
        panels = [p for record in records.values() for p in record.panels]
        if panels:
            _draw_panels(panels, folder / 'growth.png')


def _draw_ratios(records: dict[str, Record], path: Path) -> None:
    """A bar for each ratio, with a stroke at the one to reach."""
    named = [(name, f) for name, record in records.items() for f in record.measurements]
    figure = Figure(figsize=(11, 1 + 0.28 * len(named)))
    axes = figure.subplots()
    places = range(len(named))
    axes.barh(
        places,
        [f.ratio for _, f in named],
        color=[_COLORS[f.met] for _, f in named],
        height=0.6,
    )
    for place, (_, f) in zip(places, named, strict=True):
        if f.limit is not None:
            axes.plot([f.limit] * 2, [place - 0.4, place + 0.4], color='black')
    labels = [f'{name}: {f.what} [{f.unit}]' for name, f in named]
    axes.set_yticks(places, labels, fontsize=_FONT)
    axes.invert_yaxis()
    axes.axvline(1, color='gray', linestyle=':')
    axes.set_xlabel("ratio to MMSegmentation's; images/s: more is better")
    _save(figure, path)


def _draw_panels(panels: list[Panel], path: Path) -> None:
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(5 * columns, 3.5 * rows), layout='constrained')
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.remove()
    for axes, panel in zip(grid.flat, panels, strict=False):
        for line in panel.lines:
            style = dict(linestyle='--') if line.theory else dict(marker='o')
            axes.plot(line.x, line.y, label=line.label, **style)
        axes.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
        axes.set_ylim(bottom=0)
        axes.locator_params('x', nbins=5, integer=True)
        axes.legend()
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=120, bbox_inches='tight')
