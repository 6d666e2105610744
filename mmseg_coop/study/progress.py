"""Progress of the trials of a study, and the time left."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import mean

from ..comparison.curves import read_scalars
from .executor import TrialExecutor
from .trial import Trial


@dataclass(frozen=True)
class State:
    """State of a trial.

    Attributes:
        text: A word, or the name of the step that runs.
        percent: Percent of the training run that is done, if known.
        miou: mIoU in percent, once it is finished.
        seconds: Estimated seconds of training left; None if unknown, 0 if it needs no
            training.
    """

    text: str
    percent: int | None = None
    miou: float | None = None
    seconds: float | None = 0.0


class Progress:
    """States of all trials of a study, from their files."""

    def __init__(self, executor: TrialExecutor):
        self._executor = executor
        self._finished: dict[Trial, State] = {}
        # The last logged training iteration.
        self._last: dict[Trial, dict] = {}
        self._totals: dict[str, int | None] = {}

    def states(self) -> dict[Trial, State]:
        """Read the state of each trial, in order."""
        for trial in self._executor.trials:
            if self._executor.running(trial) or trial not in self._last:
                scalars = list(read_scalars(trial.folder))
                steps = (line for line in reversed(scalars) if 'loss' in line)
                self._last[trial] = next(steps, {})
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
        step = self._executor.running(trial)
        if step is None and trial.finished:
            self._finished[trial] = State('finished', miou=trial.miou())
            return self._finished[trial]
        if not trial.entry.trained or trial.weights:
            return State(step or 'waits')
        text = 'elsewhere' if trial in self._executor.elsewhere else step or 'waits'
        total, done = self._total(trial), self._last[trial].get('iter', 0)
        if total is None:
            return State(text, seconds=None)
        pace = self._pace(trial)
        seconds = None if pace is None else (total - done) * pace
        return State(text, 100 * done // total, seconds=seconds)

    def _pace(self, trial: Trial) -> float | None:
        """Estimate the seconds of an iteration of the trial, its method, or all."""
        paces = {t: last['time'] for t, last in self._last.items() if 'time' in last}
        alike = [pace for t, pace in paces.items() if t.entry is trial.entry]
        known = alike or list(paces.values())
        return paces.get(trial) or (mean(known) if known else None)

    def _total(self, trial: Trial) -> int | None:
        """Number of iterations of a method; None if it trains by epochs."""
        name = trial.entry.name
        if name not in self._totals:
            self._totals[name] = trial.config().train_cfg.get('max_iters')
        return self._totals[name]
