"""Calibration and borders, as a table."""

from collections.abc import Callable

import numpy as np

from ..evaluation.calibration import ece, nll
from ..evaluation.results import mean_iou
from .comparison import Comparison, Method
from .statistics import bootstrap, interval
from .table import Cell, Table, name_cell, recombined, text_cell

# Field of the results, the metric computed from it, decimals.
_RELIABILITY = {
    'ECE': ('calibration', ece, 2),
    'NLL': ('calibration', nll, 3),
    'mBIoU': ('borders', mean_iou, 2),
}


def reliability_table(comparison: Comparison) -> Table | None:
    """Make a table of each network's calibration and Boundary IoU, if measured."""
    rows = [
        [text_cell(f'{name_cell(method).text}{suffix}')]
        + [_over_runs(method, name, *metric) for metric in _RELIABILITY.values()]
        for method in comparison.methods
        for name, suffix in _predictions(method).items()
    ]
    if all(not cell.text for row in rows for cell in row[1:]):
        return None
    notes = (
        'Means over runs ± standard deviation over seeds [95 % interval over images]. '
        'ECE: expected calibration error in percent, 15 bins, all pixels; NLL: '
        'negative log-likelihood in nats; mBIoU: Boundary IoU in percent, of the '
        "pixels within 1/50 of the image's diagonal from a border of their class (the "
        'edge of the image is none, as it is in other code)',
        *recombined(comparison),
    )
    return Table('Calibration and borders', ['prediction', *_RELIABILITY], rows, notes)


def _over_runs(
    method: Method,
    name: str,
    group: str,
    metric: Callable[[np.ndarray], np.ndarray],
    digits: int,
) -> Cell:
    """Make a cell of a metric's mean over runs, its deviation and its interval."""
    runs = [getattr(run.results, group).get(name) for run in method.runs]
    if any(sums is None for sums in runs):
        return Cell('')
    values = [float(metric(sums.sum(0, dtype=float))) for sums in runs]
    mean = float(np.mean(values))
    spread = f' ± {np.std(values, ddof=1):.{digits}f}' if len(values) > 1 else ''
    found = interval(bootstrap(runs, metric))
    band = f'[{found.low:.{digits}f}, {found.high:.{digits}f}]'
    return Cell(f'{mean:.{digits}f}{spread} {band}', mean)


def _predictions(method: Method) -> dict[str, str]:
    """Predictions of a method, and the suffix of each in the table."""
    results = method.runs[0].results
    if not method.several:
        return {results.configured: ''}
    return {name: f' · {name}' for name in results.predictions}
