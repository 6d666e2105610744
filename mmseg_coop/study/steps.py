"""Next step of a run of a study, and what follows when it has ended."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .records import keep_half, keep_record, remove_checkpoints
from .trial import Trial


@dataclass(frozen=True)
class Step:
    """A tool that is run in a separate process.

    Attributes:
        name: What it does.
        tool: The script's name.
        arguments: Its arguments.
        prepare: To be done before it starts: writes the config that they name.
        after: To be done when it has ended well.
    """

    name: str
    tool: str
    arguments: list[str]
    prepare: Callable[[], None]
    after: Callable[[], None]


def next_step(trial: Trial) -> Step | None:
    """Find the next step of a run; None if it is finished, or needs no run."""
    if trial.finished or trial.entry.predict:
        return None
    if trial.entry.trained and trial.weights is None:
        return _training(trial)
    if trial.entry.trained and trial.grid.half:
        # Left undone by a study that was ended right here.
        remove_checkpoints(trial.folder)
    missing = [split for split in trial.grid.splits if not trial.recorded(split)]
    return _test(trial, missing[0])


def _training(trial: Trial) -> Step:
    def after() -> None:
        # Those of a training run that was removed since.
        shutil.rmtree(trial.folder / 'tests', ignore_errors=True)
        checkpoint = trial.checkpoint()
        if trial.grid.half:
            keep_half(checkpoint, trial.folder / 'weights.safetensors')
            remove_checkpoints(trial.folder)
        else:
            _link(trial.folder / 'weights.pth', checkpoint)

    arguments = [str(trial.plan), '--work-dir', str(trial.folder), '--resume']
    return Step('train', 'train.py', arguments, trial.write_plan, after)


def _test(trial: Trial, split: str) -> Step:
    checkpoint = []
    if not trial.entry.networks:
        tested = trial if trial.entry.trained else trial.sources[0]
        checkpoint = [str(tested.weights)]
    folder = str(trial.test_folder(split))
    return Step(
        f'test {split}',
        'test.py',
        [str(trial.test_plan(split)), *checkpoint, '--work-dir', folder],
        lambda: trial.write_test_plan(split),
        lambda: keep_record(trial, split),
    )


def _link(link: Path, target: Path) -> None:
    """A link to a file beside it."""
    link.unlink(missing_ok=True)
    link.symlink_to(target.name)
