"""Find the checkpoint from which an interrupted training run resumes."""

import logging
import pickle
import re
from pathlib import Path

import torch
from mmengine.logging import print_log

from .safe_load import wrong_checksum


def newest_complete_checkpoint(
    work_dir: str | Path, out_dir: str | Path, filename_tmpl: str
) -> str | None:
    """Find the newest checkpoint that is complete.

    The newest is the one that ``last_checkpoint`` names; if that is missing or damaged,
    the one that was written last.

    Args:
        work_dir: Where ``last_checkpoint`` is.
        out_dir: Where the checkpoints are.
        filename_tmpl: Their name, ``{}`` for the iteration or epoch.

    Raises:
        ValueError: If there are checkpoints, but all of them are damaged.
    """
    name = re.escape(filename_tmpl).replace(re.escape('{}'), r'\d+')
    files = [p for p in Path(out_dir).glob('*') if re.fullmatch(name, p.name)]
    last = Path(out_dir, last_checkpoint(Path(work_dir)))
    files.sort(key=lambda path: (path == last, path.stat().st_mtime_ns), reverse=True)
    damaged = []
    for path in files:
        reason = damage(path)
        if reason is None:
            print_log(f'Resuming from {path}', 'current')
            return str(path)
        damaged.append(f'{path.name} is damaged ({reason})')
        print_log(f'{out_dir}: {damaged[-1]}', 'current', logging.WARNING)
    if damaged:
        raise ValueError(
            f'{out_dir} has no checkpoint to resume from: {", ".join(damaged)}; copy '
            'one there, or leave out --resume to train from the start'
        )
    print_log(f'{out_dir} has no checkpoint of this run', 'current')
    return None


def damage(path: Path) -> str | None:
    """Describe the damage of a file that PyTorch has saved; None for a complete one."""
    try:
        entry = wrong_checksum(path)
        if entry:
            return f'the checksum of {entry} differs'
        # Reads headers that the checksums do not cover.
        torch.load(path, 'cpu', weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        # Complete; loading checks whether it runs code.
        return None
    except Exception as error:
        # A damaged file makes the readers fail in many ways.
        return str(error).split('.')[0] or type(error).__name__
    return None


def last_checkpoint(work_dir: Path) -> str:
    """Read the name of the last checkpoint from ``last_checkpoint``, '' if unknown."""
    try:
        return Path((work_dir / 'last_checkpoint').read_text().strip()).name
    except (OSError, UnicodeDecodeError):
        return ''
