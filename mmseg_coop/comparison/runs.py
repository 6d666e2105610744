"""Find the results of runs in work dirs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmengine.config import Config

from ..config_types import use_scope
from ..evaluation.results import FOLDER, ORACLE, Results


@dataclass(frozen=True)
class Run:
    """A trained model's results.

    Attributes:
        results: Results of the test, or without one of the best validation.
        file: The file of the results.
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
    def name(self) -> str:
        """Name of its method: its label, or else the name of its config."""
        name = self.label or self.results.meta.get('name', self.folder.name)
        return f'{name} {self.prediction}' if self.chosen else name

    @property
    def chosen(self) -> str:
        """The chosen prediction, if the user gave no label; else empty."""
        return '' if self.label else self.prediction or ''

    @property
    def trained(self) -> bool:
        """True if it was trained; otherwise it recombines networks of other runs."""
        return not (
            self.recombined
            or self.prediction is not None
            or self.results.meta.get('networks_init')
        )

    def config(self) -> Config:
        """Read the config it was tested with, and select the chosen prediction.

        Raises:
            FileNotFoundError: If the file is gone.
        """
        path = self.folder / self.results.meta['config']
        if not path.is_file():
            raise FileNotFoundError(
                f'{path}: the config of {self.file} is gone; expected the one that the '
                'run wrote to its work dir (a report needs it for its gallery, which '
                '--gallery 0 leaves out)'
            )
        config = Config.fromfile(path)
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
        ValueError: If a run is named twice, or runs were not evaluated on the same
            images and classes.
    """
    runs = [_load_run(argument) for argument in arguments]
    given = [(run.file.resolve(), run.results.configured) for run in runs]
    for run, key in zip(runs, given, strict=True):
        if given.count(key) > 1:
            raise ValueError(f'{run.file} is given {given.count(key)} times')
        _check_comparable(runs[0], run)
    return runs


def _load_run(argument: str) -> Run:
    label, separator, path = argument.rpartition('=')
    if Path(argument).exists():
        label, separator, path = '', '', argument
    if not path or (separator and not label):
        raise ValueError(f'found {argument!r}, expected RUN or NAME=RUN')
    prediction = None
    if not Path(path).exists() and ':' in path:
        path, _, prediction = path.rpartition(':')
    file = _find_file(Path(path))
    results = Results.load(file)
    if prediction is not None:
        results = _predicting(results, prediction, file)
    return Run(results, file, label if separator else None, prediction)


def _predicting(results: Results, name: str, file: Path) -> Results:
    """Select another prediction of results."""
    names = [key for key in results.areas if key != ORACLE]
    if name not in names:
        raise ValueError(f'{file}:{name}: expected one of {", ".join(names)}')
    return replace(results, configured=name)


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
    if a.meta.get('dataset') != b.meta.get('dataset'):
        found, expected = b.meta.get('dataset'), a.meta.get('dataset')
        difference = f'on {found}, not on {expected}'
    elif a.classes != b.classes:
        unlike = sorted(set(a.classes) ^ set(b.classes)) or ['their order']
        difference = f'with other classes (different: {", ".join(unlike[:5])})'
    elif _names(a) != _names(b):
        difference = f'on other images ({len(b.images)}, not the same {len(a.images)})'
    else:
        return
    raise ValueError(
        f'{other.file}: evaluated {difference}, as {first.file} was; compare runs on '
        'the same images and classes'
    )


def _names(results: Results) -> list[str]:
    """File names without folders, which differ between machines."""
    return [Path(image).name for image in results.images]
