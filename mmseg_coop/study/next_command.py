"""Find the next command of a trial: training, or a test of a split."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .kept_weights import keep_half, remove_checkpoints
from .records import keep_record
from .trial import Trial


@dataclass(frozen=True)
class Command:
    """A tool to run, with its arguments.

    Attributes:
        name: ``train``, or ``test`` and the split.
        tool: File name of the script in ``tools/``.
        arguments: Arguments of the script.
        prepare: Called before it starts; writes its config file.
        after: Called after it succeeds; keeps its results.
    """

    name: str
    tool: str
    arguments: list[str]
    prepare: Callable[[], None]
    after: Callable[[], None]


def next_command(trial: Trial) -> Command | None:
    """Find the next command of a trial; None if none is left."""
    if trial.finished or trial.entry.predict:
        return None
    if trial.entry.trained and trial.weights is None:
        return _training(trial)
    if trial.entry.trained and trial.grid.half:
        # A study may have been killed between keep_half and this.
        remove_checkpoints(trial.folder)
    missing = [split for split in trial.grid.splits if not trial.recorded(split)]
    return _test(trial, missing[0])


def _training(trial: Trial) -> Command:
    def after() -> None:
        # From an earlier training run whose weights were deleted.
        shutil.rmtree(trial.folder / 'tests', ignore_errors=True)
        checkpoint = trial.checkpoint()
        if trial.grid.half:
            keep_half(checkpoint, trial.folder / 'weights.safetensors')
            remove_checkpoints(trial.folder)
        else:
            _link(trial.folder / 'weights.pth', checkpoint)

    arguments = [str(trial.config_file), '--work-dir', str(trial.folder), '--resume']
    return Command('train', 'train.py', arguments, trial.write_config, after)


def _test(trial: Trial, split: str) -> Command:
    checkpoint = []
    if not trial.entry.networks:
        tested = trial if trial.entry.trained else trial.sources[0]
        checkpoint = [str(tested.weights)]
    folder = str(trial.test_folder(split))
    return Command(
        f'test {split}',
        'test.py',
        [str(trial.test_config_file(split)), *checkpoint, '--work-dir', folder],
        lambda: trial.write_test_config(split),
        lambda: keep_record(trial, split),
    )


def _link(link: Path, target: Path) -> None:
    """Link to a file in the same folder."""
    link.unlink(missing_ok=True)
    link.symlink_to(target.name)
