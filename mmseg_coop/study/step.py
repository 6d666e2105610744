"""The steps of a trial: training, and a test of each split; what they keep."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoints.resume import last_checkpoint
from ..checkpoints.safe_load import load_from_local
from ..checkpoints.safetensors import save_safetensors
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
