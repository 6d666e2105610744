"""Learning curves of a run, from the scalars that MMEngine logged."""

import json
from collections.abc import Iterator
from pathlib import Path

from .runs import Run

# Steps and values.
Curve = tuple[list[int], list[float]]


def validation_curves(run: Run) -> dict[str, Curve]:
    """Read the validation mIoU of each network over iterations or epochs, in percent.

    Networks without validations have none; a single network is ``prediction``.
    """
    networks = run.results.predictions
    points: dict[str, dict[int, float]] = {name: {} for name in networks}
    for record in read_scalars(run.folder):
        for name in networks:
            key = f'{name}/mIoU' if len(networks) > 1 else 'mIoU'
            # A test logs one value at step 0.
            if key in record and record.get('step'):
                points[name][record['step']] = record[key]
    return {
        name: (sorted(values), [values[step] for step in sorted(values)])
        for name, values in points.items()
        if values
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
