"""Learning curves of a run, from the scalars that MMEngine logged."""

import json
from collections.abc import Iterator
from pathlib import Path

from ..evaluation.results import ORACLE
from .runs import Run

# Steps and values.
Curve = tuple[list[int], list[float]]


def step_unit(run: Run) -> str:
    """Unit of the x axis of a run's curves, ``iteration`` or ``epoch``."""
    return run.results.meta.get('logged_by', 'iteration')


def validation_curves(run: Run) -> dict[str, Curve]:
    """Read the validation mIoU of each network over iterations or epochs, in percent.

    Args:
        run: The run, with ``<time>/vis_data/scalars.json`` in its work dir for each
            start or resume of the training run.

    Returns:
        Curves by network, or by ``prediction`` for a single network; empty without
        validations.
    """
    networks = [name for name in run.results.areas if name != ORACLE]
    keys = {name: f'{name}/mIoU' for name in networks}
    if len(networks) == 1:
        keys = {networks[0]: 'mIoU'}
    points: dict[str, dict[int, float]] = {name: {} for name in networks}
    for record in read_scalars(run.folder):
        for name, key in keys.items():
            if key in record and 'step' in record:
                points[name][record['step']] = record[key]
    return {
        name: (sorted(values), [values[step] for step in sorted(values)])
        for name, values in points.items()
        # A test logs one value at step 0.
        if any(values)
    }


def read_scalars(folder: Path) -> Iterator[dict]:
    """Read the scalars of a work dir, oldest first; resumed runs repeat some steps."""
    for file in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                # An incomplete line of a run that was killed.
                continue
