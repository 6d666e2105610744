"""A step of a run in a separate process, whose failure does not end the study."""

import ctypes
import os
import signal
import subprocess
import sys
from typing import TextIO

from ..__main__ import TOOLS
from ..checkpoints.atomic_backend import AtomicBackend
from .attempts import REPO, note_attempt
from .steps import Step
from .trial import FAILED, OUTPUT, Trial

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, linux/prctl.h.


class Job:
    """A tool at work for a run.

    It has its own process group: a signal from the keyboard reaches the study
    alone, which sends it SIGTERM: it saves and leaves. If the study is killed, Linux
    sends it.

    Raises:
        ValueError: If the step can't begin.
    """

    def __init__(self, trial: Trial, step: Step, lock: TextIO, threads: int):
        self.trial = trial
        self.step = step
        self._lock = lock
        (trial.folder / FAILED).unlink(missing_ok=True)
        step.prepare()
        note_attempt(trial.folder, step.name, threads)
        path = os.pathsep.join([str(REPO), os.environ.get('PYTHONPATH', '')])
        variables = dict(
            PYTHONPATH=path, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads)
        )
        with (trial.folder / OUTPUT).open('ab') as output:
            self._start = output.tell()
            self._process = subprocess.Popen(
                command(step),
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock.fileno()],
                preexec_fn=_end_with_parent if sys.platform == 'linux' else None,
            )

    @property
    def code(self) -> int | None:
        """Its exit code once it has ended."""
        return self._process.poll()

    def stop(self) -> None:
        """Tell it to save and leave."""
        if self.code is None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it has ended."""
        self._process.wait()
        self._lock.close()

    def finish(self) -> str | None:
        """Do what follows from its end.

        Returns:
            Why it has failed, which is noted, or None.
        """
        reason = None
        if self.code == 0:
            try:
                self.step.after()
            except (OSError, ValueError) as error:
                reason = str(error)
        else:
            reason = self._reason()
        if reason is not None:
            reason = f'{self.step.name}: {reason}'
            AtomicBackend().put_text(f'{reason}\n', self.trial.folder / FAILED)
        self._lock.close()
        return reason

    def _reason(self) -> str:
        """Last line of its output, or the signal that ended it."""
        if self.code < 0:
            return f'ended by {signal.Signals(-self.code).name}'
        with (self.trial.folder / OUTPUT).open('rb') as output:
            output.seek(self._start)
            text = output.read().decode(errors='replace')
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith('error: ')]
        last = (errors or lines or [f'exit code {self.code}'])[-1]
        return f'{last} (see {self.trial.folder / OUTPUT})'


def command(step: Step) -> list[str]:
    """The command of a step."""
    return [sys.executable, '-W', 'ignore', str(TOOLS / step.tool), *step.arguments]


def _end_with_parent() -> None:
    """Have Linux send SIGTERM when the parent dies: it saves and leaves."""
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)
