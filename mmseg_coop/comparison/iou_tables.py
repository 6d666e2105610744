"""Tables of a comparison, in the paper's layout: methods × mean IoU and classes."""

import numpy as np

from ..evaluation.results import ORACLE
from ..models.segmentors.combine import MEAN
from .comparison import Comparison, Gain, Method
from .cost_table import LATENCY, PREDICTION, TRAINING, cost_table
from .reliability_table import reliability_table
from .table import Cell, Table, name_cell, number_cell, recombined, text_cell

MARK = '†'
NOISE = '≈'
INCONSISTENT = (
    f'{MARK} the classes printed in the paper average to another mean IoU than the '
    'one printed'
)


def all_tables(comparison: Comparison) -> list[Table]:
    """Make all tables for which there are results, the main table first."""
    tables = (
        main_table(comparison),
        networks_table(comparison),
        reliability_table(comparison),
        cost_table(comparison),
    )
    return [table for table in tables if table is not None]


def summary_table(comparison: Comparison) -> Table:
    """Make a table of methods and costs, without classes."""
    table, costs = main_table(comparison), cost_table(comparison)
    width = len(table.columns) - len(comparison.classes)
    columns = ['method', 'runs', *table.columns[1:width]]
    rows = [
        [row[0], text_cell(str(len(method.runs))), *row[1:width]]
        for row, method in zip(table.rows, comparison.methods, strict=False)
    ]
    if costs:
        places = [costs.columns.index(name) for name in (TRAINING, PREDICTION, LATENCY)]
        columns += [costs.columns[i] for i in places]
        for row, cost in zip(rows, costs.rows, strict=True):
            row += [cost[i] for i in places]
    return Table(table.title, columns, rows, table.notes)


def main_table(comparison: Comparison) -> Table:
    """Make a table of mIoU, its gains over the baselines, and IoU of each class."""
    kinds = [
        kind
        for kind in comparison.baselines
        if any(comparison.baseline(m, kind) for m in comparison.methods)
    ]
    columns = ['method', 'mIoU', *(f'over {kind}' for kind in kinds)]
    rows = [_row(comparison, method, kinds) for method in comparison.methods]
    paper = comparison.paper
    for row in paper:
        mark = '' if row.consistent else MARK
        cells = [text_cell(f'{row.network} {row.method} (paper){mark}')]
        cells += [number_cell(row.miou), *(Cell('') for _ in kinds)]
        known = row.classes
        cells += [
            number_cell(known.get(name)) if known else Cell('')
            for name in comparison.classes
        ]
        rows.append(cells)
    notes = [_about(comparison), *recombined(comparison)]
    if not all(row.consistent for row in paper):
        notes.append(INCONSISTENT)
    return Table(
        f'IoU in percent on {comparison.dataset or "the same images"}',
        [*columns, *comparison.classes],
        rows,
        tuple(notes),
    )


def networks_table(comparison: Comparison) -> Table | None:
    """Make a table of each network and their oracle; None for single networks."""
    methods = [m for m in comparison.methods if m.several]
    if not methods:
        return None
    columns: dict[str, list[Cell]] = {}
    for i, method in enumerate(methods):
        for name, value in _about_networks(method).items():
            cells = columns.setdefault(name, [Cell('')] * len(methods))
            cells[i] = number_cell(value)
    rows = [
        [name_cell(method), *(cells[i] for cells in columns.values())]
        for i, method in enumerate(methods)
    ]
    notes = (
        'oracle: for each pixel, the prediction of a network that is right, if any; '
        'agree, only …: percent of the labelled pixels on which the networks agree, or '
        'only one is right',
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
        number_cell(value, best=value == high and low < high)
        for value, low, high in zip(method.iou.tolist(), lowest, highest, strict=True)
    ]
    mean = Cell(text, method.miou, best=len(rivals) > 1 and method is best)
    return [name_cell(method), mean, *map(_gain_cell, gains), *classes]


def _gain_cell(gain: Gain | None) -> Cell:
    if gain is None:
        return Cell('')
    mark = '' if gain.significant else f'{NOISE} '
    low, high = gain.interval.low, gain.interval.high
    text = f'{mark}{gain.points:+.2f} [{low:+.2f}, {high:+.2f}]'
    if gain.p_value is not None:
        text += f' p={gain.p_value:.2g}'
    return Cell(text, gain.points)


def _about(comparison: Comparison) -> str:
    results = comparison.methods[0].runs[0].results
    runs = sorted({len(method.runs) for method in comparison.methods})
    each = '-'.join(map(str, runs))
    return (
        f'{len(results.images)} images; runs of each method: {each}. '
        'Gains are points of mIoU with their 95 % confidence interval over images '
        '(paired bootstrap), which says how much they depend on the chosen images, not '
        'on the seed. They compare runs with the same seeds, where both methods have '
        'such. p is that of a paired t-test over seeds. '
        f'{NOISE}: not significant: the interval contains zero, p is 0.05 or more, or '
        'there is only one seed.'
    )


def _about_networks(method: Method) -> dict[str, float]:
    """Average mIoU and agreement of each network over runs, by column."""
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
