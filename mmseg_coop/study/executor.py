"""Run the trials of a grid, unattended."""

import os
import time
from collections.abc import Callable, Sequence

from .step import StepProcess, next_step
from .trial import Trial


class TrialExecutor:
    """Runs the trials of a study, several at a time.

    A trial that fails is left out, and so are those that need its checkpoint; the next
    start tries them again. One that another process works on is waited for.

    Args:
        trials: The trials, in order; one that needs another's weights waits for them.
        jobs: Number of trials at a time. Each has an equal share of the cores, at most
            ``OMP_NUM_THREADS`` threads.
    """

    def __init__(self, trials: Sequence[Trial], jobs: int):
        self.trials = trials
        self.failed: dict[Trial, str] = {}
        self.elsewhere: set[Trial] = set()
        self.jobs = jobs
        self.threads = _threads(jobs)
        self._running: dict[Trial, StepProcess] = {}
        self._open = [t for t in trials if not (t.entry.predict or t.finished)]

    def run(self, show: Callable[['TrialExecutor'], None]) -> None:
        """Run until all trials are finished or failed; show twice a second."""
        try:
            while self._advance():
                show(self)
                time.sleep(0.5)
            show(self)
        finally:
            for process in self._running.values():
                process.terminate()
            for process in self._running.values():
                process.wait()

    def running(self, trial: Trial) -> str | None:
        """Name of the step that a trial runs now, if any."""
        process = self._running.get(trial)
        return process and process.step.name

    def _advance(self) -> bool:
        """Note processes that ended, and start new ones; True while any is awaited."""
        for trial, process in list(self._running.items()):
            if process.poll() is not None:
                del self._running[trial]
                self._note(trial, process.finish())
        self.elsewhere.clear()
        for trial in list(self._open):
            if trial not in self._running and len(self._running) < self.jobs:
                self._start(trial)
        return bool(self._running or self.elsewhere)

    def _start(self, trial: Trial) -> None:
        lost = next(filter(None, map(self._lost, trial.sources)), None)
        if lost:
            self._note(trial, f'needs {lost}')
            return
        if not trial.ready:
            return
        lock = trial.lock()
        if lock is None:
            self.elsewhere.add(trial)
            return
        try:
            step = next_step(trial)
            if step:
                self._running[trial] = StepProcess(step, lock, self.threads)
                return
            # Another process has finished it.
            self._note(trial, None)
        except (OSError, ValueError) as error:
            self._note(trial, str(error))
        lock.close()

    def _lost(self, source: Trial) -> str | None:
        """Explain why there will be no weights of a trial; None if there may be."""
        if source in self.failed:
            return f'{source.name}, which has failed'
        if source in self._open or source.weights:
            return None
        record = source.record(next(iter(source.grid.splits)))
        return (
            f'the weights of {source.name}, which are gone from {source.folder}; '
            f'copy them there, or delete {record} to train it again'
        )

    def _note(self, trial: Trial, reason: str | None) -> None:
        if reason is not None:
            self.failed[trial] = reason
        if reason is not None or trial.finished:
            self._open.remove(trial)


def _threads(jobs: int) -> int:
    """Number of threads of each trial."""
    # Of the cores that this process may use.
    affinity = getattr(os, 'sched_getaffinity', None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    each = max(cores // max(jobs, 1), 1)
    return min(each, int(os.environ.get('OMP_NUM_THREADS') or each))
