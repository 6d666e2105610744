"""Find the test results of the weights that are published."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mmseg.models.segmentors import EncoderDecoder

from ..apis.model_files import LABELS
from ..comparison.runs import load_runs
from ..evaluation.model_identity import model_identity
from ..evaluation.results import FOLDER, Results


def predicted_by(model: EncoderDecoder) -> str:
    """Name of a model's prediction in its results."""
    return getattr(model, 'predict_with', 'prediction')


def read_labels(folder: Path) -> dict[str, Any]:
    """Read the ``config.json`` of a published folder; empty in another folder."""
    file = folder / LABELS
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    # Other programs have files of this name.
    ours = isinstance(found, dict) and found.get('library_name') == 'mmseg_coop'
    return found if ours else {}


def find_tested(
    model: EncoderDecoder, checkpoint: Path, run: str | None
) -> tuple[dict[str, Any] | None, str]:
    """Find the results of a test of a model's weights.

    Args:
        model: The model with its weights.
        checkpoint: The file of the weights; results are searched in its folder.
        run: Work dir or file of results to use instead.

    Returns:
        The results, or None and the reason why there are none: ``dataset``, number of
        ``images``, ``classes``, ``model``, and ``iou`` of each class in percent by
        prediction, None for classes that do not occur.

    Raises:
        FileNotFoundError: If ``run`` has no results.
        ValueError: If the results of ``run`` are of another or an unknown model.
    """
    own, name = model_identity(model), predicted_by(model)
    if run is not None:
        chosen = load_runs([run])[0]
        candidates = {chosen.file: chosen.results}
    else:
        published = read_labels(checkpoint.parent).get('tested')
        if published and published['model'] == own and name in published['iou']:
            return published, ''
        files = (checkpoint.parent / FOLDER).glob('*.npz')
        # Those of tests first.
        files = sorted(files, key=lambda file: (not file.stem.startswith('test'), file))
        candidates = {file.name: Results.load(file) for file in files}
    problems = []
    for file, results in candidates.items():
        problem = _problem(own, name, results)
        if not problem:
            return _summed_up(results), ''
        problems.append(f'{file} {problem}')
    if run is not None:
        raise ValueError(f'--run: {problems[0]}')
    return None, '; '.join(problems) or 'no test of it was found'


def _problem(own: Mapping[str, Any], name: str, results: Results) -> str:
    """Explain why results are not of this model or prediction; empty if they are."""
    if 'model' not in results.meta:
        return 'does not name the tested weights; test again with tools/test.py'
    tested = results.meta['model']
    if tested['weights'] != own['weights']:
        return 'is of other weights than the checkpoint has'
    if tested['test_cfg'] != own['test_cfg']:
        return f'is of test_cfg={tested["test_cfg"]}, expected {own["test_cfg"]}'
    if results.meta.get('tta'):
        return 'is of a test with augmentation'
    return '' if name in results.areas else f'has no results of the prediction {name}'


def _summed_up(results: Results) -> dict[str, Any]:
    # The oracle needs the ground truth.
    names = results.predictions
    return dict(
        dataset=results.meta.get('dataset') or 'unknown',
        images=len(results.images),
        classes=list(results.classes),
        iou={
            name: [None if np.isnan(x) else float(x) for x in results.iou(name)]
            for name in names
        },
        model=results.meta['model'],
    )
