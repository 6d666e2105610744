"""Find the test results of the weights that are published."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from mmseg.models.segmentors import EncoderDecoder

from ..apis.model_files import LABELS
from ..comparison.runs import load_runs
from ..evaluation.model_identity import model_identity
from ..evaluation.results import FOLDER, ORACLE, Results
from ..models import CooperativeEncoderDecoder

_SINGLE = 'prediction'


@dataclass(frozen=True)
class Tested:
    """Results of a test.

    Attributes:
        dataset: Name of the dataset's class.
        images: Number of images.
        classes: Names of the classes.
        iou: IoU of each class in percent, by prediction; None for classes that do not
            occur.
        model: Identity of the tested model.
    """

    dataset: str
    images: int
    classes: Sequence[str]
    iou: Mapping[str, Sequence[float | None]]
    model: Mapping[str, Any]

    def miou(self, name: str) -> float:
        """Mean IoU over the classes that occur, in percent."""
        return float(np.mean([value for value in self.iou[name] if value is not None]))

    def as_json(self) -> dict[str, Any]:
        """Convert to JSON for ``config.json``, which publishing again reads."""
        return asdict(self)


def predicted_by(model: EncoderDecoder) -> str:
    """Name of a model's prediction in its results."""
    several = isinstance(model, CooperativeEncoderDecoder)
    return model.predict_with if several else _SINGLE


def find_tested(
    model: EncoderDecoder, checkpoint: Path, run: str | None
) -> tuple[Tested | None, str]:
    """Find the results of a test of a model's weights.

    Args:
        model: The model with its weights.
        checkpoint: The file of the weights; results are searched in its folder.
        run: Work dir or file of results to use instead.

    Returns:
        The results, or the reason why there are none.

    Raises:
        FileNotFoundError: If ``run`` has no results.
        ValueError: If the results of ``run`` are of another or an unknown model.
    """
    own, name = model_identity(model), predicted_by(model)
    if run is not None:
        found = load_runs([run])[0]
        problem = _problem(own, name, found.results)
        if problem:
            raise ValueError(f'--run: {found.file} {problem}')
        return _summed_up(found.results), ''
    kept = _kept(checkpoint.parent / LABELS)
    if kept is not None and kept.model == own and name in kept.iou:
        return kept, ''
    problems = {}
    files = sorted((checkpoint.parent / FOLDER).glob('*.npz'))
    # Those of tests first.
    for file in sorted(files, key=lambda file: not file.stem.startswith('test')):
        results = Results.load(file)
        problem = _problem(own, name, results)
        if not problem:
            return _summed_up(results), ''
        problems[file.name] = problem
    reasons = '; '.join(f'{name} {problem}' for name, problem in problems.items())
    return None, reasons or 'no test of it was found'


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


def _summed_up(results: Results) -> Tested:
    # The oracle needs the ground truth.
    names = [name for name in results.areas if name != ORACLE]
    return Tested(
        dataset=results.meta.get('dataset') or 'unknown',
        images=len(results.images),
        classes=list(results.classes),
        iou={
            name: [None if np.isnan(v) else float(v) for v in results.iou(name)]
            for name in names
        },
        model=results.meta['model'],
    )


def _kept(file: Path) -> Tested | None:
    """Read the test results in a published folder, or None."""
    try:
        return Tested(**json.loads(file.read_text())['tested'])
    except (OSError, ValueError, KeyError, TypeError):
        return None
