"""Run what a grid asks for, unattended."""

import os
import time
from collections.abc import Callable, Sequence

from .job import Job
from .steps import next_step
from .trial import Trial

_SECONDS = 0.5


class Conductor:
    """Runs the trials of a study, so many at a time.

    A trial that fails is passed over, with what needs its checkpoint; the next study
    tries it again. One that another process works on is waited for.

    Args:
        trials: The trials, in order; one that needs another's weights waits for them.
        jobs: How many at a time; the processor's cores are divided among them, or
            each has ``OMP_NUM_THREADS`` threads where that is less.
    """

    def __init__(self, trials: Sequence[Trial], jobs: int):
        self.trials = trials
        self.failed: dict[Trial, str] = {}
        self.elsewhere: set[Trial] = set()
        self.jobs = jobs
        self.threads = _threads(jobs)
        self._running: dict[Trial, Job] = {}
        self._open = [t for t in trials if not (t.entry.predict or t.finished)]

    def run(self, show: Callable[['Conductor'], None]) -> None:
        """Run steps until nothing is left to do."""
        try:
            while self._advance():
                show(self)
                time.sleep(_SECONDS)
            show(self)
        finally:
            for job in self._running.values():
                job.stop()
            for job in self._running.values():
                job.wait()

    def step(self, trial: Trial) -> str | None:
        """Current step of a trial, if any."""
        job = self._running.get(trial)
        return job and job.step.name

    def _advance(self) -> bool:
        """Start and finish what can be; whether there is more to wait for."""
        for trial, job in list(self._running.items()):
            if job.code is not None:
                del self._running[trial]
                self._note(trial, job.finish())
        self.elsewhere.clear()
        for trial in list(self._open):
            if len(self._running) >= self.jobs:
                break
            if trial not in self._running and trial in self._open:
                self._start(trial)
        return bool(self._running or self.elsewhere)

    def _start(self, trial: Trial) -> None:
        lost = [s for s in trial.sources if s in self.failed]
        if lost:
            self._note(trial, f'needs {lost[0].name}, which has failed')
            return
        if not trial.ready:
            return
        lock = trial.lock()
        if lock is None:
            self.elsewhere.add(trial)
            return
        step = next_step(trial)
        if step is None:
            # Another process has finished it.
            self._open.remove(trial)
            lock.close()
            return
        try:
            self._running[trial] = Job(trial, step, lock, self.threads)
        except (OSError, ValueError) as error:
            lock.close()
            self._note(trial, str(error))

    def _note(self, trial: Trial, reason: str | None) -> None:
        if reason is not None:
            self.failed[trial] = reason
        if reason is not None or trial.finished:
            self._open.remove(trial)


def _threads(jobs: int) -> int:
    """Number of threads for each job."""
    each = max(_cores() // max(jobs, 1), 1)
    asked = os.environ.get('OMP_NUM_THREADS', '')
    return min(each, int(asked)) if asked.isdecimal() and int(asked) else each


def _cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
