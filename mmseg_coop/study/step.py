"""The steps of a trial: training, and a test of each split; each in a process."""

import ctypes
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import torch
from torch import Tensor

from ..__main__ import TOOLS
from ..checkpoints.atomic_backend import AtomicBackend
from ..checkpoints.resume import last_checkpoint
from ..checkpoints.safe_load import load_from_local
from ..checkpoints.safetensors import save_safetensors
from .records import REPO, keep_record, note_attempt
from .trial import FAILED, OUTPUT, Trial


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
            # Where there is none, it would continue the run that load_from names.
            resume = ['--resume'] if last_checkpoint(trial.folder) else []
            return ['train.py', config, *work_dir, *resume]
        if trial.entry.networks:
            return ['test.py', config, *work_dir]
        tested = trial.sources[0] if trial.entry.of else trial
        return ['test.py', config, str(tested.weights), *work_dir]

    def keep(self) -> None:
        """Keep the weights or results once the command has succeeded."""
        if self.split:
            keep_record(self.trial, self.split)
        elif self.trial.grid.half:
            _keep_half(self.trial.checkpoint())
        else:
            checkpoint = self.trial.checkpoint()
            link = self.trial.folder / 'weights.pth'
            link.unlink(missing_ok=True)
            link.symlink_to(checkpoint.name)


def next_step(trial: Trial) -> Step | None:
    """Find the next step of a trial; None if none is left."""
    if trial.finished or trial.entry.predict:
        return None
    if trial.entry.trained and trial.weights is None:
        return Step(trial)
    return Step(trial, next(s for s in trial.grid.splits if not trial.recorded(s)))


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


def _keep_half(checkpoint: Path) -> None:
    """Write the weights in half precision, and remove the work dir's checkpoints.

    Vectors (norms, biases, running statistics) stay as they are: they are small, and
    some of their values are too small for float16.
    """
    content = load_from_local(str(checkpoint), 'cpu')
    weights = {name: _half(value) for name, value in content['state_dict'].items()}
    folder = checkpoint.parent
    save_safetensors({**content, 'state_dict': weights}, folder / 'weights.safetensors')
    for path in [*folder.glob('*.pth'), folder / 'last_checkpoint']:
        path.unlink(missing_ok=True)


def _half(value: Tensor) -> Tensor:
    if not value.is_floating_point() or value.dim() < 2:
        return value
    half = value.to(torch.float16)
    # Values above its range would become infinite.
    return half if half.isfinite().all() else value
