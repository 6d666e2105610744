"""Find the results of runs in work dirs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .results import FOLDER, Results


@dataclass(frozen=True)
class Run:
    """A trained model's results.

    Attributes:
        results: Those of the latest test, or of the best validation without one.
        file: Where they were read.
        label: What the user called the method, or None.
    """

    results: Results
    file: Path
    label: str | None = None

    @property
    def folder(self) -> Path:
        """The run's work dir."""
        return self.file.parent.parent


def load_runs(arguments: Sequence[str]) -> list[Run]:
    """Read runs.

    Args:
        arguments: Work dirs or files of results, as ``RUN`` or ``NAME=RUN``.

    Raises:
        FileNotFoundError: If a run has no results.
        ValueError: If a run is named twice, or runs were not evaluated on the same
            images and classes.
    """
    runs = [_load_run(argument) for argument in arguments]
    files = [run.file.resolve() for run in runs]
    for run, file in zip(runs, files, strict=True):
        if files.count(file) > 1:
            raise ValueError(f'{run.file} is given {files.count(file)} times')
        _check_comparable(runs[0], run)
    return runs


def _load_run(argument: str) -> Run:
    label, separator, path = argument.rpartition('=')
    if Path(argument).exists():
        label, separator, path = '', '', argument
    if not path or (separator and not label):
        raise ValueError(f'found {argument!r}, expected RUN or NAME=RUN')
    file = _find_file(Path(path))
    return Run(Results.load(file), file, label if separator else None)


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
    """File names: the same data may lie in another place on another machine."""
    return [Path(image).name for image in results.images]
