"""Tables of a comparison, in the paper's layout: methods × mean IoU and classes."""

import numpy as np

from .comparison import Comparison, Gain, Method
from .cost_table import IN_SUMMARY, cost_table
from .paper import PaperRow
from .reliability_table import reliability_table
from .table import Cell, Table, name_cell, number_cell, recombined, text_cell

_INCONSISTENT = '†'
_NOISE = '≈'


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
    notes = table.notes
    if costs:
        columns += IN_SUMMARY
        for row, cost in zip(rows, costs.rows, strict=True):
            row += [cost[costs.columns.index(name)] for name in IN_SUMMARY]
        notes = (*table.notes, costs.notes[0])
    return Table(table.title, columns, rows, notes)


def main_table(comparison: Comparison) -> Table:
    """Make a table of mIoU, its gains over the baselines, and IoU of each class."""
    kinds = [
        kind
        for kind in comparison.baselines
        if any(comparison.baseline(m, kind) for m in comparison.methods)
    ]
    rows = [_row(comparison, method, kinds) for method in comparison.methods]
    rows += [_paper_row(comparison, row, kinds) for row in comparison.paper]
    notes = [_about(comparison), *recombined(comparison)]
    if not all(row.consistent for row in comparison.paper):
        notes.append(
            f'{_INCONSISTENT} the classes printed in the paper average to another mean '
            'IoU than the one printed'
        )
    gains = [f'over {kind}' for kind in kinds]
    return Table(
        f'IoU in percent on {comparison.dataset or "the same images"}',
        ['method', 'mIoU', *gains, *comparison.classes],
        rows,
        tuple(notes),
    )


def networks_table(comparison: Comparison) -> Table | None:
    """Make a table of each network and their oracle; None for single networks."""
    methods = [m for m in comparison.methods if m.several]
    if not methods:
        return None
    found = [_about_networks(method) for method in methods]
    columns = list(dict.fromkeys(name for values in found for name in values))
    rows = [
        [name_cell(method)]
        + [number_cell(values[n]) if n in values else Cell('') for n in columns]
        for method, values in zip(methods, found, strict=True)
    ]
    notes = (
        'oracle: for each pixel, the prediction of a network that is right, if any; '
        'agree, only …: percent of the labelled pixels on which the networks agree, or '
        'only one is right',
    )
    return Table('mIoU of each network', ['method', *columns], rows, notes)


def _row(comparison: Comparison, method: Method, kinds: list[str]) -> list[Cell]:
    spread = '' if method.std is None else f' ± {method.std:.2f}'
    gains = (comparison.gain(method, kind) for kind in kinds)
    rivals = [m for m in comparison.methods if m.network == method.network]
    values = np.stack([m.iou for m in rivals])
    best = (method.iou == values.max(0)) & (values.min(0) < values.max(0))
    classes = map(number_cell, method.iou.tolist(), best.tolist())
    is_best = len(rivals) > 1 and method is comparison.best(method.network)
    mean = Cell(f'{method.miou:.2f}{spread}', method.miou, is_best)
    return [name_cell(method), mean, *map(_gain_cell, gains), *classes]


def _paper_row(comparison: Comparison, row: PaperRow, kinds: list[str]) -> list[Cell]:
    mark = '' if row.consistent else _INCONSISTENT
    classes = [
        number_cell(row.classes.get(name)) if row.classes else Cell('')
        for name in comparison.classes
    ]
    name = text_cell(f'{row.network} {row.method} (paper){mark}')
    return [name, number_cell(row.miou), *[Cell('')] * len(kinds), *classes]


def _gain_cell(gain: Gain | None) -> Cell:
    if gain is None:
        return Cell('')
    mark = '' if gain.significant else f'{_NOISE} '
    low, high = gain.interval
    text = f'{mark}{gain.points:+.2f} [{low:+.2f}, {high:+.2f}]'
    if gain.p_value is not None:
        text += f' p={gain.p_value:.2g}'
    return Cell(text, gain.points)


def _about(comparison: Comparison) -> str:
    results = comparison.methods[0].runs[0].results
    runs = sorted({len(method.runs) for method in comparison.methods})
    each = f'{runs[0]}-{runs[-1]}' if len(runs) > 1 else f'{runs[0]}'
    return (
        f'{len(results.images)} images; runs of each method: {each}. '
        'Gains are points of mIoU with their 95 % interval over images (paired '
        'bootstrap of neighbouring images), which says how much they depend on the '
        'chosen images, not on the seed. They compare runs with the same seeds, where '
        'both methods have such, and ensembles with the mean of their own networks. p '
        'is that of a t-test over seeds, paired where these are the same. '
        f'{_NOISE}: not significant: the interval contains zero, p is 0.05 or more, or '
        'there is none (less than three independent runs, or no spread), or one image.'
    )


def _about_networks(method: Method) -> dict[str, float]:
    """Average mIoU and agreement of each network over runs, by column."""
    results = [run.results for run in method.runs]
    values = {name: [r.miou(name) for r in results] for name in results[0].areas}
    shares = [r.pair_shares(total=True) for r in results]
    values |= {name: [share[name] for share in shares] for name in shares[0]}
    return {name: float(np.mean(found)) for name, found in values.items()}
