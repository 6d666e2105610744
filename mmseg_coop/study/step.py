"""The steps of a trial: training, and a test of each split."""

from dataclasses import dataclass

from .kept_weights import keep_half, link
from .records import keep_record
from .trial import Trial


@dataclass(frozen=True)
class Step:
    """The training of a trial, or its test of a split."""

    trial: Trial
    split: str | None = None

    @property
    def name(self) -> str:
        return f'test {self.split}' if self.split else 'train'

    def command(self) -> list[str]:
        """The script in ``tools/`` to run, with its arguments."""
        trial = self.trial
        config = str(trial.config_file(self.split))
        work_dir = ['--work-dir', str(trial.work_dir(self.split))]
        if not self.split:
            return ['train.py', config, *work_dir, '--resume']
        if trial.entry.networks:
            return ['test.py', config, *work_dir]
        tested = trial.sources[0] if trial.entry.of else trial
        return ['test.py', config, str(tested.weights), *work_dir]

    def keep(self) -> None:
        """Keep the weights or results once the command has succeeded."""
        if self.split:
            keep_record(self.trial, self.split)
        elif self.trial.grid.half:
            keep_half(self.trial.checkpoint())
        else:
            link(self.trial.checkpoint())


def next_step(trial: Trial) -> Step | None:
    """Find the next step of a trial; None if none is left."""
    if trial.finished or trial.entry.predict:
        return None
    if trial.entry.trained and trial.weights is None:
        return Step(trial)
    return Step(trial, next(s for s in trial.grid.splits if not trial.recorded(s)))
