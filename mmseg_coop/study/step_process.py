"""Run a step of a trial in a separate process."""

import ctypes
import os
import signal
import subprocess
import sys
from typing import TextIO

from ..__main__ import TOOLS
from ..checkpoints.atomic_backend import AtomicBackend
from .records import REPO, note_attempt
from .step import Step
from .trial import FAILED, OUTPUT


class StepProcess(subprocess.Popen):
    """The running process of a step.

    It has its own process group, so that Ctrl-C reaches the study only. The study then
    sends it SIGTERM, on which a training run saves a checkpoint and exits. If the study
    is killed, Linux sends that signal. The process inherits the lock of its trial.
    """

    def __init__(self, step: Step, lock: TextIO, threads: int):
        self.step = step
        self._trial_lock = lock
        folder = step.trial.folder
        (folder / FAILED).unlink(missing_ok=True)
        step.trial.write_config(step.split)
        note_attempt(folder, step.name, threads)
        tool, *arguments = step.command()
        # What configs import from where the study was started is found there, too.
        places = str(REPO), str(sys.path[0]), os.environ.get('PYTHONPATH')
        path = os.pathsep.join(filter(None, places))
        variables = dict(
            PYTHONPATH=path, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads)
        )
        self._output = folder / OUTPUT
        with self._output.open('ab') as output:
            self._offset = output.tell()
            super().__init__(
                [sys.executable, '-W', 'ignore', str(TOOLS / tool), *arguments],
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[lock.fileno()],
                preexec_fn=_end_with_parent if sys.platform == 'linux' else None,
            )

    def finish(self) -> str | None:
        """Keep its results once it has ended, or write and return why it failed."""
        reason = self._reason()
        if reason is None:
            try:
                self.step.keep()
            except (OSError, ValueError) as error:
                reason = str(error)
        self._trial_lock.close()
        if reason is None:
            return None
        reason = f'{self.step.name}: {reason}'
        AtomicBackend().put_text(f'{reason}\n', self.step.trial.folder / FAILED)
        return reason

    def _reason(self) -> str | None:
        """Last line of its output, or the signal that ended it; None for success."""
        if self.returncode == 0:
            return None
        if self.returncode < 0:
            return f'ended by {signal.Signals(-self.returncode).name}'
        text = self._output.read_bytes()[self._offset :].decode(errors='replace')
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith('error: ')]
        last = (errors or lines or [f'exit code {self.returncode}'])[-1]
        return f'{last} (see {self._output})'


def _end_with_parent() -> None:
    """Have Linux send SIGTERM when the parent process dies."""
    pr_set_pdeathsig = 1  # linux/prctl.h
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
