"""Find the results of runs in work dirs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
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
        folders: Number of folders that tell its checkpoints from others.
    """

    results: Results
    file: Path
    label: str | None = None
    prediction: str | None = None
    recombined: bool = False
    folders: int = 2

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths of the checkpoints of its networks.

        Of networks that were trained apart, only that of the selected one, if it is not
        their mean.
        """
        selected = self.results.configured
        if self.joined and selected != MEAN:
            return (self.joined[self.results.predictions.index(selected)],)
        return self.joined or (str(self.meta.get('checkpoint') or self.file),)

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
        """Checkpoints of its networks, with some folders: ``a/seed_0/b.pth``.

        Without what is before them, which differs between machines.
        """
        return tuple(_tail(path, self.folders) for path in self.paths)

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

    @cached_property
    def begun_with(self) -> Config | None:
        """The config of the first run in its work dir, if it is there."""
        # A test writes its own in place of the copy in the work dir.
        copies = sorted(self.folder.glob('*/vis_data/config.py'))
        file = next(iter(copies), self.folder / self.meta.get('config', ''))
        if not file.is_file():
            return None
        return Config.fromfile(file, import_custom_modules=False)

    def config(self) -> Config:
        """Read the config it was tested with, and select the chosen prediction."""
        config = Config.fromfile(self.folder / self.meta['config'])
        use_scope(config)
        if self.prediction is not None:
            # With test-time augmentation the model is a part of another.
            model = 'model.module' if 'module' in config.model else 'model'
            config.merge_from_dict({f'{model}.test_cfg.predict': self.prediction})
        return config


def told_apart(runs: Sequence[Run]) -> list[Run]:
    """Runs with as many folders of their checkpoints as tell a method's seeds apart."""
    trained = [run for run in runs if not run.joined]
    longest = max((len(Path(run.paths[0]).parts) for run in trained), default=0)
    for folders in range(2, longest):
        tails = {(run.title('name'), _tail(run.paths[0], folders)) for run in trained}
        if len(tails) == len({(run.title('name'), run.seed) for run in trained}):
            return [replace(run, folders=folders) for run in runs]
    return list(runs)


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


def _tail(path: str, folders: int) -> str:
    """Name of a file with the last folders of its path."""
    return '/'.join(Path(path).parts[-folders - 1 :])


def _parts(argument: str) -> tuple[str, str, str | None]:
    """Label, path and prediction of a run; paths may have ``=`` and ``:``, too."""
    pieces = argument.split('=')
    splits = [('='.join(pieces[:i]), '='.join(pieces[i:])) for i in range(len(pieces))]
    for label, path in splits:
        if Path(path).exists():
            return label, path, None
    for label, path in splits:
        head, _, prediction = path.rpartition(':')
        if head and Path(head).exists():
            return label, head, prediction
    # None is there: as it was meant, most likely.
    return *splits[min(1, len(splits) - 1)], None


def _load_run(argument: str) -> Run:
    label, path, prediction = _parts(argument)
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


def _labelled(results: Results) -> np.ndarray:
    """Labelled pixels of each image and class, (N, C)."""
    return results.areas[results.configured][:, 2]


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
    elif not np.array_equal(_labelled(a), _labelled(b)):
        difference = 'with other labels, or labels of another size'
    else:
        return
    raise ValueError(
        f'{other.file}: evaluated {difference}, as {first.file} was; compare runs on '
        'the same images and classes'
    )
