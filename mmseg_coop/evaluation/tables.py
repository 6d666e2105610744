"""Tables of a comparison, in the paper's layout: methods × mean IoU and classes."""

from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from .comparison import BASELINES, Comparison, Gain, Method
from .results import MEAN, ORACLE

MARK = '†'
INCONSISTENT = (
    f'{MARK} the classes printed in the paper average to another mean IoU than the '
    'one printed'
)


@dataclass(frozen=True)
class Cell:
    """A value and how it is shown.

    Attributes:
        text: What is shown.
        value: The number behind it, or the text.
        best: Whether it is the best of its kind.
    """

    text: str
    value: float | str | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        title: What the table shows.
        columns: Names of the columns.
        rows: The cells of each row, as many as there are columns.
        notes: Lines below the table.
    """

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    notes: tuple[str, ...] = ()

    def transposed(self) -> 'Table':
        """Methods in columns, for many classes on a narrow screen."""
        columns = [self.columns[0], *(row[0].text for row in self.rows)]
        rows = [
            [text_cell(name), *(row[i] for row in self.rows)]
            for i, name in enumerate(self.columns)
            if i
        ]
        return replace(self, columns=columns, rows=rows)


def text_cell(text: str) -> Cell:
    """A cell that is only text."""
    return Cell(text, text)


def all_tables(comparison: Comparison) -> list[Table]:
    """The main table, and the networks' where methods have several."""
    tables = (main_table(comparison), networks_table(comparison))
    return [table for table in tables if table is not None]


def main_table(comparison: Comparison) -> Table:
    """mIoU, its gain over the single network and the ensemble, and each class."""
    kinds = [
        kind
        for kind in BASELINES
        if any(comparison.baseline(m, kind) for m in comparison.methods)
    ]
    columns = ['method', 'mIoU', *(f'over {kind}' for kind in kinds)]
    rows = [_row(comparison, method, kinds) for method in comparison.methods]
    paper = comparison.paper
    for row in paper:
        mark = '' if row.consistent else MARK
        cells = [text_cell(f'{row.network} {row.method} (paper){mark}')]
        cells += [_number(row.miou), *(Cell('') for _ in kinds)]
        rows.append(
            cells + [_class_of_paper(row.classes, c) for c in comparison.classes]
        )
    notes = [_about(comparison)]
    if not all(row.consistent for row in paper):
        notes.append(INCONSISTENT)
    return Table(
        f'IoU in percent on {comparison.dataset or "the same images"}',
        [*columns, *comparison.classes],
        rows,
        tuple(notes),
    )


def networks_table(comparison: Comparison) -> Table | None:
    """What each network does, and what they could do together; None for singles."""
    methods = [m for m in comparison.methods if m.runs[0].results.pairs]
    if not methods:
        return None
    columns: dict[str, list[Cell]] = {}
    for i, method in enumerate(methods):
        for name, value in _about_networks(method).items():
            cells = columns.setdefault(name, [Cell('')] * len(methods))
            cells[i] = _number(value)
    rows = [
        [text_cell(method.label), *(cells[i] for cells in columns.values())]
        for i, method in enumerate(methods)
    ]
    notes = (
        'oracle: of each pixel the network that is right; agree, only …: percent of '
        'the labelled pixels on which the networks agree, or only one is right',
    )
    return Table('mIoU of each network', ['method', *columns], rows, notes)


def _row(comparison: Comparison, method: Method, kinds: list[str]) -> list[Cell]:
    best = comparison.best(method.network)
    text = f'{method.miou:.2f}'
    if method.std is not None:
        text += f' ± {method.std:.2f}'
    gains = (comparison.gain(method, kind) for kind in kinds)
    rivals = [m for m in comparison.methods if m.network == method.network]
    values = np.stack([m.iou for m in rivals])
    lowest, highest = (f(0).tolist() for f in (values.min, values.max))
    classes = [
        _number(value, best=value == high and low < high)
        for value, low, high in zip(method.iou.tolist(), lowest, highest, strict=True)
    ]
    mean = Cell(text, method.miou, best=len(rivals) > 1 and method is best)
    return [text_cell(method.label), mean, *map(_gain_cell, gains), *classes]


def _gain_cell(gain: Gain | None) -> Cell:
    if gain is None:
        return Cell('')
    text = f'{gain.points:+.2f} [{gain.interval.low:+.2f}, {gain.interval.high:+.2f}]'
    if gain.p_value is not None:
        text += f' p={gain.p_value:.2g}'
    return Cell(text, gain.points)


def _number(value: float | None, best: bool = False) -> Cell:
    if value is None or isnan(value):
        return Cell('-')
    return Cell(f'{value:.2f}', value, best)


def _class_of_paper(classes: dict[str, float], name: str) -> Cell:
    return _number(classes.get(name)) if classes else Cell('')


def _about(comparison: Comparison) -> str:
    results = comparison.methods[0].runs[0].results
    runs = sorted({len(method.runs) for method in comparison.methods})
    each = '-'.join(map(str, runs))
    return (
        f'{len(results.images)} images; runs of each method: {each}. '
        'Gains are points of mIoU with their 95 % confidence interval over images '
        '(paired bootstrap): how far they depend on the images that were chosen, not '
        'on the seed. p is that of a paired t-test over seeds.'
    )


def _about_networks(method: Method) -> dict[str, float]:
    """Figures of each network, averaged over runs."""
    values: dict[str, list[float]] = {}
    for run in method.runs:
        results = run.results
        for name in results.areas:
            values.setdefault(name, []).append(results.miou(name))
        for name, value in results.totals_of_pairs().items():
            values.setdefault(name, []).append(value)
    last = [name for name in (MEAN, ORACLE) if name in values]
    shares = [name for name in values if name.startswith(('agree', 'only'))]
    networks = [name for name in values if name not in (*last, *shares)]
    return {name: float(np.mean(values[name])) for name in networks + last + shares}
