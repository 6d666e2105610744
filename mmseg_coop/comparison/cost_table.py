"""Table of the costs of each method."""

from ..cost.cost import Cost
from .comparison import Comparison
from .table import Cell, Table, name_cell, number_cell, recombined

TRAINING, PREDICTION, LATENCY = 'GFLOPs to train', 'GFLOPs to predict', 'ms to predict'


def cost_table(comparison: Comparison) -> Table | None:
    """Make a table of costs; None if they were not measured."""
    if not comparison.costs:
        return None
    rows = [
        [name_cell(method), *_cost_cells(comparison.costs[method.label])]
        for method in comparison.methods
    ]
    columns = [
        'method',
        'parameters in M',
        TRAINING,
        PREDICTION,
        LATENCY,
        'MB to predict',
    ]
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
