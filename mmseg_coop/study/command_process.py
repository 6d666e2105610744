"""Run a command of a trial in a separate process."""

import ctypes
import os
import signal
import subprocess
import sys
from typing import TextIO

from ..__main__ import TOOLS
from ..checkpoints.atomic_backend import AtomicBackend
from .attempt_log import REPO, note_attempt
from .next_command import Command
from .trial import FAILED, OUTPUT, Trial

_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG, linux/prctl.h.


class CommandProcess:
    """The running process of a command.

    It has its own process group, so that Ctrl-C reaches the study only. The study then
    sends it SIGTERM, on which a training run saves a checkpoint and exits. If the study
    is killed, Linux sends that signal.

    Raises:
        ValueError: If the command's config can't be written.
    """

    def __init__(self, trial: Trial, command: Command, lock: TextIO, threads: int):
        self.trial = trial
        self.command = command
        self._lock = lock
        (trial.folder / FAILED).unlink(missing_ok=True)
        command.prepare()
        note_attempt(trial.folder, command.name, threads)
        tool = str(TOOLS / command.tool)
        path = os.pathsep.join([str(REPO), os.environ.get('PYTHONPATH', '')])
        variables = dict(
            PYTHONPATH=path, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads)
        )
        with (trial.folder / OUTPUT).open('ab') as output:
            self._start = output.tell()
            self._process = subprocess.Popen(
                [sys.executable, '-W', 'ignore', tool, *command.arguments],
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
        """Its exit code, None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """Send SIGTERM, on which a training run saves a checkpoint and exits."""
        if self.code is None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait until it ends, and release the trial."""
        self._process.wait()
        self._lock.close()

    def finish(self) -> str | None:
        """Keep its results once it has ended, or write ``failed.txt``.

        Returns:
            The reason of its failure, or None.
        """
        reason = None
        if self.code == 0:
            try:
                self.command.after()
            except (OSError, ValueError) as error:
                reason = str(error)
        else:
            reason = self._reason()
        if reason is not None:
            reason = f'{self.command.name}: {reason}'
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


def _end_with_parent() -> None:
    """Have Linux send SIGTERM when the parent process dies."""
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGTERM)
