"""Records of a finished run: small results, and weights in half precision."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoints.atomic_backend import AtomicBackend
from ..checkpoints.safe_load import load_from_local
from ..checkpoints.safetensors import save_safetensors
from ..comparison.scalars import read_scalars
from .attempts import read_attempts
from .trial import RECORD, Trial

# What is kept of the log of a training run, beside its validations.
_TRAINING = ('loss', 'lr', 'time', 'memory')


def keep_half(checkpoint: Path, path: Path) -> None:
    """Write a checkpoint's weights in half precision; vectors stay as they are.

    Norms, biases and running statistics are few, and some too small for float16.
    """
    content = load_from_local(str(checkpoint), 'cpu')
    content['state_dict'] = {
        name: _half(value) for name, value in content['state_dict'].items()
    }
    save_safetensors(content, path)


def remove_checkpoints(folder: Path) -> None:
    """Remove the large files of a training run that will not go on."""
    for path in folder.glob('*.pth'):
        path.unlink()
    (folder / 'last_checkpoint').unlink(missing_ok=True)


def keep_record(trial: Trial, split: str) -> None:
    """Copy the small files of a test, and of its training run, to the records.

    Raises:
        FileNotFoundError: If the test has left no results.
    """
    test, record = trial.test_folder(split), trial.record(split)
    results = test / 'results' / 'test.npz'
    if not results.is_file():
        raise FileNotFoundError(
            f'{test}: the test has left no results; expected a config that evaluates '
            'with CoopIoUMetric and has the CoopEvaluationHook'
        )
    files = AtomicBackend()
    files.put(results.read_bytes(), record / 'results' / 'test.npz')
    name = f'{trial.entry.name}.py'
    files.put((test / 'plan' / name).read_bytes(), record / name)
    curves = list(_curves(trial.folder))
    if curves:
        lines = ''.join(f'{json.dumps(line)}\n' for line in curves)
        files.put_text(lines, record / 'log' / 'vis_data' / 'scalars.json')
    about = dict(
        **trial.identity,
        split=split,
        split_options=dict(trial.grid.splits[split]),
        trained=trial.entry.trained,
        checkpoint=trial.grid.checkpoint,
        half=trial.grid.half,
        attempts=read_attempts(trial.folder),
        training_hours=round(hours(trial.folder), 4) if trial.entry.trained else 0,
        test_hours=round(hours(test), 4),
    )
    # Last: with it the record is complete.
    about = json.dumps(about, indent=2, default=str)
    files.put_text(f'{about}\n', record / RECORD)


def hours(work_dir: Path) -> float:
    """Hours spent in a work dir: from start to last line of each log."""
    total = 0.0
    for log in work_dir.glob('*/*.log'):
        try:
            start = time.mktime(time.strptime(log.stem, '%Y%m%d_%H%M%S'))
        except ValueError:
            continue
        total += max(log.stat().st_mtime - start, 0)
    return total / 3600


def _curves(work_dir: Path) -> Iterator[dict]:
    """Validations in full, and of training iterations loss and rates."""
    for record in read_scalars(work_dir):
        if 'mIoU' in record:
            yield record
        elif 'loss' in record:
            kept = {key: record[key] for key in _TRAINING if key in record}
            yield kept | dict(iter=record.get('iter'), step=record.get('step'))


def _half(value: Tensor) -> Tensor:
    if not value.is_floating_point() or value.dim() < 2:
        return value
    half = value.to(torch.float16)
    # What is too large for it would be infinite.
    return half if half.isfinite().all() else value
