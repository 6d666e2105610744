"""The costs of each method: read or measured, and as a table."""

from dataclasses import replace
from pathlib import Path

from ..cost.cost import Cost, Costs
from ..cost.measure import measure_costs
from .comparison import Comparison
from .table import Cell, Table, name_cell, number_cell, recombined

# Columns that are shown beside mIoU, too.
IN_SUMMARY = ('GFLOPs to train', 'GFLOPs to predict', 'ms to predict')


def with_costs(comparison: Comparison, path: Path) -> Comparison:
    """Add the costs in a JSON file to a comparison.

    If it lacks a method, all are measured, side by side, by the configs in their work
    dirs, and the file is written.
    """
    costs = Costs.load(path) if path.is_file() else Costs('', {})
    if not {m.label for m in comparison.methods} <= costs.methods.keys():
        costs = measure_costs({m.label: m.runs[0].config() for m in comparison.methods})
        costs.save(path)
    return replace(comparison, costs=costs.methods)


def cost_table(comparison: Comparison) -> Table | None:
    """Make a table of costs; None if they were not measured."""
    if not comparison.costs:
        return None
    rows = [
        [name_cell(method), *_cost_cells(comparison.costs[method.label])]
        for method in comparison.methods
    ]
    columns = ['method', 'parameters in M', *IN_SUMMARY, 'MB to predict']
    notes = (
        'FLOPs per image of a training step (forward and backward pass, all networks) '
        'and of the selected prediction; a multiplication and an addition are two. '
        'Median time and peak memory (without model and image) of that prediction; '
        'methods run in turn, with one thread.',
        *recombined(comparison),
    )
    return Table('Cost', columns, rows, notes)


def _cost_cells(cost: Cost) -> list[Cell]:
    training = cost.training_flops and cost.training_flops / 1e9
    latency = 1000 * cost.latency
    low, high = (1000 * seconds for seconds in cost.latency_spread)
    return [
        number_cell(cost.parameters / 1e6),
        number_cell(training),
        number_cell(cost.prediction_flops / 1e9),
        Cell(f'{latency:.1f} ({low:.1f} to {high:.1f})', latency),
        number_cell(cost.memory),
    ]
