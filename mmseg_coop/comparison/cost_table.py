"""The costs of each method: read or measured, and as a table."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..cost.cost import Cost, load_costs, save_costs
from ..cost.machine import describe_machine
from ..cost.measure import hash_of_measured, measure_costs
from .comparison import Comparison, Method
from .table import Cell, Table, name_cell, number_cell, recombined

# Columns that are shown beside mIoU, too.
IN_SUMMARY = ('GFLOPs to train', 'GFLOPs to predict', 'ms to predict')


def with_costs(comparison: Comparison, path: Path) -> Comparison:
    """Add the costs in a JSON file to a comparison.

    If it lacks a method, or has that of another model or other test data, all are
    measured, side by side, by the configs in their work dirs, and the file is written.
    """
    costs = load_costs(path) if path.is_file() else {}
    if not all(_measured(method, costs) for method in comparison.methods):
        costs = measure_costs({m.label: m.runs[0].config() for m in comparison.methods})
        save_costs(costs, describe_machine(threads=1), path)
    return replace(comparison, costs=costs)


def _measured(method: Method, costs: Mapping[str, Cost]) -> bool:
    cost = costs.get(method.label)
    if cost is None or cost.model is None:
        return cost is not None
    return cost.model == hash_of_measured(method.runs[0].config())


def cost_table(comparison: Comparison) -> Table | None:
    """Make a table of costs; None if they were not measured."""
    if not comparison.costs:
        return None
    rows = [
        [name_cell(method), *_cells(comparison.costs[method.label])]
        for method in comparison.methods
    ]
    notes = (
        'To train: FLOPs of the forward and backward pass of all networks for an image '
        'of a training batch (a crop), however many iterations there are. To predict: '
        'those of the selected prediction for a whole test image. Of convolutions and '
        'matrix products; a multiplication and an addition are two. '
        'Median time and peak memory (without model and image) of that prediction; '
        'methods run in turn, with one thread.',
        *recombined(comparison),
    )
    columns = ['method', 'parameters in M', *IN_SUMMARY, 'MB to predict']
    return Table('Cost', columns, rows, notes)


def _cells(cost: Cost) -> list[Cell]:
    training = cost.training_flops and cost.training_flops / 1e9
    latency, low, high = (1000 * s for s in (cost.latency, *cost.latency_spread))
    return [
        number_cell(cost.parameters / 1e6),
        number_cell(training),
        number_cell(cost.prediction_flops / 1e9),
        Cell(f'{latency:.1f} ({low:.1f} to {high:.1f})', latency),
        number_cell(cost.memory),
    ]
