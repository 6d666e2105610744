"""Find the checkpoint from which an interrupted training run resumes."""

import logging
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import torch
from mmengine.logging import print_log

from .safe_load import wrong_checksum


def newest_complete_checkpoint(
    work_dir: str | Path, out_dir: str | Path, filename_tmpl: str
) -> str | None:
    """Find the newest checkpoint that is complete.

    The newest is the one that ``last_checkpoint`` names, or one that was written after
    it. If it names none, the newest file is taken.

    Args:
        work_dir: Where ``last_checkpoint`` is.
        out_dir: Where the checkpoints are.
        filename_tmpl: Their name, ``{}`` for the iteration or epoch.

    Returns:
        A path, or None if there is no checkpoint.

    Raises:
        ValueError: If there are checkpoints, but all of them are damaged.
    """
    damaged = []
    for path in _newest_first(Path(work_dir), Path(out_dir), filename_tmpl):
        reason = damage(path)
        if reason is None:
            for name, why in damaged:
                print_log(f'{name} is damaged ({why})', 'current', logging.WARNING)
            print_log(f'Resuming from {path}', 'current')
            return str(path)
        damaged.append((path, reason))
    if damaged:
        raise ValueError(
            f'{out_dir} has no checkpoint to resume from: '
            + ', '.join(f'{path.name} is damaged ({why})' for path, why in damaged)
            + '; copy one there, or leave out --resume to train from the start'
        )
    print_log(
        f'{out_dir} has no checkpoint: training starts from the beginning', 'current'
    )
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


def _newest_first(work_dir: Path, out_dir: Path, template: str) -> Iterator[Path]:
    before, after = map(re.escape, template.split('{}'))
    pattern = re.compile(rf'{before}(\d+){after}')
    steps = {}
    for path in out_dir.glob('*'):
        match = pattern.fullmatch(path.name)
        if match and path.is_file():
            steps[path] = int(match[1])

    def age(path: Path) -> tuple[int, int]:
        return path.stat().st_mtime_ns, steps[path]

    files = sorted(steps, key=age, reverse=True)
    last = out_dir / last_checkpoint(work_dir)
    if last not in steps:
        return iter(files)
    # Both time and number: copying a folder changes times, and a folder may have files
    # of an earlier run with higher numbers.
    later = [f for f in files if age(f) > age(last) and steps[f] > steps[last]]
    rest = [f for f in files if f != last and f not in later]
    return iter([*later, last, *rest])


def last_checkpoint(work_dir: Path) -> str:
    """Read the name of the last checkpoint from ``last_checkpoint``, '' if unknown."""
    try:
        return Path((work_dir / 'last_checkpoint').read_text().strip()).name
    except (OSError, UnicodeDecodeError):
        return ''
