"""Progress of the trials of a study, and the time left."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from ..comparison.curves import read_scalars
from .executor import TrialExecutor
from .trial import Trial


@dataclass(frozen=True)
class State:
    """State of a trial.

    Attributes:
        text: One or two words.
        miou: mIoU in percent, once it is finished.
        seconds: Estimated seconds of training left; None if unknown, 0 if it needs no
            training.
    """

    text: str
    miou: float | None = None
    seconds: float | None = 0.0


@dataclass(frozen=True)
class _Position:
    """Position of a training run: iterations done, and recent seconds of one."""

    iteration: int = 0
    pace: float | None = None


class Progress:
    """States of all trials of a study, from their files."""

    def __init__(self, executor: TrialExecutor):
        self._executor = executor
        self._finished: dict[Trial, State] = {}
        self._positions: dict[Trial, _Position] = {}
        self._iterations: dict[str, int | None] = {}

    def states(self) -> dict[Trial, State]:
        """Read the state of each trial, in order."""
        for trial in self._executor.trials:
            if self._executor.running(trial) or trial not in self._positions:
                self._positions[trial] = _position(trial.folder)
        return {trial: self._state(trial) for trial in self._executor.trials}

    def seconds_left(self, states: Mapping[Trial, State]) -> float | None:
        """Estimate the seconds left with all jobs busy; None if unknown."""
        left = [state.seconds for state in states.values()]
        return None if None in left else sum(left) / max(self._executor.jobs, 1)

    def _state(self, trial: Trial) -> State:
        if trial in self._finished:
            return self._finished[trial]
        if trial in self._executor.failed:
            return State('failed')
        command = self._executor.running(trial)
        if command is None and trial.finished:
            self._finished[trial] = State('finished', trial.miou())
            return self._finished[trial]
        if not trial.entry.trained or trial.weights:
            return State(command or 'waits')
        total = self._total(trial)
        done = self._positions[trial].iteration
        share = f' {100 * done // total} %' if total and done else ''
        text = command or (
            'elsewhere' if trial in self._executor.elsewhere else 'waits'
        )
        return State(f'{text}{share}', seconds=self._seconds(trial, total, done))

    def _seconds(self, trial: Trial, total: int | None, done: int) -> float | None:
        """Estimate from seconds per iteration of the trial, its method, or all."""
        paces = {t: p.pace for t, p in self._positions.items() if p.pace is not None}
        alike = [pace for t, pace in paces.items() if t.entry is trial.entry]
        known = [paces[trial]] if trial in paces else alike or list(paces.values())
        return (total - done) * mean(known) if total and known else None

    def _total(self, trial: Trial) -> int | None:
        """Number of iterations of a method; None if it trains by epochs."""
        name = trial.entry.name
        if name not in self._iterations:
            self._iterations[name] = trial.config().train_cfg.get('max_iters')
        return self._iterations[name]


def _position(work_dir: Path) -> _Position:
    """Read the position from the last logged training iteration."""
    last: dict = {}
    for record in read_scalars(work_dir):
        if 'loss' in record and 'iter' in record:
            last = record
    return _Position(last.get('iter', 0), last.get('time'))
