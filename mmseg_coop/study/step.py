"""A step of a trial, its training or its test, in a separate process."""

import ctypes
import os
import signal
import subprocess
import sys
from typing import TextIO

from ..__main__ import TOOLS
from ..checkpoints.atomic_backend import AtomicBackend
from .half_weights import keep_half
from .records import REPO, keep_record, note_attempt
from .trial import FAILED, OUTPUT, TEST, Trial


class Step(subprocess.Popen):
    """The running process of a trial's next step.

    It has its own process group, so that Ctrl-C reaches the study only. The study then
    sends it SIGTERM, on which a training run saves a checkpoint and exits. If the study
    is killed, Linux sends that signal. The process inherits the lock of its trial.

    Args:
        trial: The trial: it is tested, but first trained if it must be.
        lock: The lock of the trial.
        threads: Number of threads of the process.
    """

    def __init__(self, trial: Trial, lock: TextIO, threads: int):
        self._test = bool(trial.weights) or not trial.entry.trained
        self.name = f'test {TEST}' if self._test else 'train'
        self._trial, self._trial_lock = trial, lock
        (trial.folder / FAILED).unlink(missing_ok=True)
        trial.write_config(self._test)
        note_attempt(trial.folder, self.name, threads)
        tool, *arguments = self._command()
        path = os.pathsep.join([str(REPO), os.environ.get('PYTHONPATH', '')])
        variables = dict(
            PYTHONPATH=path, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads)
        )
        self._output = trial.folder / OUTPUT
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
                self._keep()
            except (OSError, ValueError) as error:
                reason = str(error)
        self._trial_lock.close()
        if reason is None:
            return None
        reason = f'{self.name}: {reason}'
        AtomicBackend().put_text(f'{reason}\n', self._trial.folder / FAILED)
        return reason

    def _command(self) -> list[str]:
        """The script in ``tools/`` to run, with its arguments."""
        trial = self._trial
        config = str(trial.config_file(self._test))
        work_dir = ['--work-dir', str(trial.work_dir(self._test))]
        if not self._test:
            return ['train.py', config, *work_dir, '--resume']
        if trial.entry.networks:
            return ['test.py', config, *work_dir]
        tested = trial.sources[0] if trial.entry.of else trial
        return ['test.py', config, str(tested.weights), *work_dir]

    def _keep(self) -> None:
        trial = self._trial
        if self._test:
            keep_record(trial)
        elif trial.grid.half:
            keep_half(trial.checkpoint())
        else:
            (trial.folder / 'weights.pth').symlink_to(trial.checkpoint().name)

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
