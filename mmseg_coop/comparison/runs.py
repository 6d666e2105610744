"""Find the results of runs in work dirs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from ..config_types import use_scope
from ..evaluation.results import FOLDER, Results
from ..models.mean_of_probabilities import MEAN
from ..wording import first_of


@dataclass(frozen=True)
class Run:
    """Results of a trained model's test, or without one of its best validation.

    Attributes:
        label: The user's name for the method, or None.
        prediction: The network (or ``mean``) that the user chose in place of the
            selected prediction, or None.
        recombined: Whether its networks were trained for another row.
    """

    results: Results
    file: Path
    label: str | None = None
    prediction: str | None = None
    recombined: bool = False

    @property
    def folder(self) -> Path:
        """The run's work dir."""
        return self.file.parent.parent

    @property
    def meta(self) -> dict[str, Any]:
        """The origin of its results: network, method, dataset, seed, ..."""
        return self.results.meta

    @property
    def joined(self) -> tuple[str, ...]:
        """The checkpoints of networks that were trained apart, if any."""
        return tuple(map(str, self.meta.get('networks_init') or ()))

    @property
    def checkpoints(self) -> tuple[str, ...]:
        """Checkpoints of its networks, with two folders: ``a/seed_0/b.pth``.

        Without what is before them, which differs between machines. Of networks that
        were trained apart, only that of the selected one, if it is not their mean.
        """
        paths = self.joined or (str(self.meta.get('checkpoint') or self.file),)
        selected = self.results.configured
        if self.joined and selected != MEAN:
            paths = (self.joined[self.results.predictions.index(selected)],)
        return tuple('/'.join(Path(path).parts[-3:]) for path in paths)

    @property
    def seed(self) -> Any:
        """Its seed; the checkpoints of networks that were trained apart."""
        return self.joined or self.meta.get('seed')

    def title(self, *keys: str) -> str:
        """Title of its method: the user's name, or else these values of ``meta``."""
        words = [*(self.meta.get(key, '') for key in keys), self.prediction or '']
        mark = ' (TTA)' if self.meta.get('tta') else ''
        return (self.label or ' '.join(filter(None, words))) + mark

    @property
    def trained(self) -> bool:
        """True if it was trained; otherwise it recombines networks of other runs."""
        return not (self.recombined or self.prediction or self.joined)

    def config(self) -> Config:
        """Read the config it was tested with, and select the chosen prediction."""
        config = Config.fromfile(self.folder / self.meta['config'])
        use_scope(config)
        if self.prediction is not None:
            config.merge_from_dict({'model.test_cfg.predict': self.prediction})
        return config


def load_runs(arguments: Sequence[str]) -> list[Run]:
    """Read runs.

    Args:
        arguments: Work dirs or files of results, as ``RUN`` or ``NAME=RUN``. A suffix,
            as in ``RUN:top`` or ``RUN:mean``, chooses the prediction of that network
            (or of the mean).

    Raises:
        FileNotFoundError: If a run has no results.
        ValueError: If runs were not evaluated on the same images and classes.
    """
    runs = [_load_run(argument) for argument in arguments]
    for run in runs:
        _check_comparable(runs[0], run)
    return runs


def _load_run(argument: str) -> Run:
    label, _, path = argument.rpartition('=')
    if Path(argument).exists():
        label, path = '', argument
    prediction = None
    if not Path(path).exists() and ':' in path:
        path, _, prediction = path.rpartition(':')
    file = _find_file(Path(path))
    results = Results.load(file)
    if prediction is not None:
        names = results.predictions
        if prediction not in names:
            raise ValueError(f'{file}:{prediction}: expected one of {", ".join(names)}')
        results = replace(results, configured=prediction)
    if np.isnan(results.iou()).all():
        raise ValueError(f'{file}: no labelled pixels, expected images with labels')
    return Run(results, file, label or None, prediction)


def _find_file(path: Path) -> Path:
    if path.is_file():
        return path
    if not path.is_dir():
        raise FileNotFoundError(f'{path}: there is no such work dir or file of results')
    folder = path / FOLDER
    for name in ('test.npz', 'test_tta.npz'):
        if (folder / name).is_file():
            return folder / name
    validations = sorted(folder.glob('val*.npz'))
    if not validations:
        raise FileNotFoundError(
            f'{path}: no results in {FOLDER}/, expected test*.npz or val*.npz; '
            'run tools/test.py with a config that evaluates with CoopIoUMetric and has '
            'the CoopEvaluationHook, and this work dir as --work-dir'
        )
    return max(validations, key=lambda file: Results.load(file).miou())


def _check_comparable(first: Run, other: Run) -> None:
    a, b = first.results, other.results
    # Folders differ between machines.
    names = [[Path(image).name for image in results.images] for results in (a, b)]
    if first.meta.get('dataset') != other.meta.get('dataset'):
        found, expected = other.meta.get('dataset'), first.meta.get('dataset')
        difference = f'on {found}, not on {expected}'
    elif a.classes != b.classes:
        unlike = sorted(set(a.classes) ^ set(b.classes)) or ['their order']
        difference = f'with other classes (different: {first_of(unlike)})'
    elif names[0] != names[1]:
        difference = f'on other images ({len(b.images)}, not the same {len(a.images)})'
    else:
        return
    raise ValueError(
        f'{other.file}: evaluated {difference}, as {first.file} was; compare runs on '
        'the same images and classes'
    )
