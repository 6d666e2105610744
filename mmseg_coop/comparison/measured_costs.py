"""Add measured costs to a comparison."""

from dataclasses import replace
from pathlib import Path

from ..cost.cost import Costs
from ..cost.measure import measure_costs
from .comparison import Comparison


def with_costs(comparison: Comparison, path: Path) -> Comparison:
    """Add the costs in a file, or measure them and write the file.

    Args:
        comparison: Methods whose work dirs have their configs.
        path: A JSON file. If it lacks a method, all are measured again, side by side.

    Raises:
        FileNotFoundError: If configs or data are missing.
        ValueError: If the file holds something else.
    """
    costs = Costs.load(path) if path.is_file() else Costs('', {})
    if not {m.label for m in comparison.methods} <= costs.methods.keys():
        costs = measure_costs({m.label: m.runs[0].config() for m in comparison.methods})
        costs.save(path)
    return replace(comparison, costs=costs.methods)
