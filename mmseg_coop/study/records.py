"""Records of trials: a log of attempts, and the small files of finished tests."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ..checkpoints.atomic_backend import AtomicBackend
from ..comparison.curves import read_scalars
from ..cost.machine import describe_machine
from ..version import __version__
from .trial import RECORD, RESULTS, Trial

# The folder that contains the package.
REPO = Path(__file__).parents[2]
_ATTEMPTS = 'attempts.jsonl'
# Scalars that are kept of training iterations; those of validations are all kept.
_TRAINING = ('loss', 'lr', 'time', 'memory', 'iter', 'step')


def note_attempt(folder: Path, step: str, threads: int) -> None:
    """Add a line with time, code revision and machine before a command starts."""
    line = dict(
        step=step,
        start=time.strftime('%Y-%m-%d %H:%M:%S'),
        revision=_code_revision(),
        threads=threads,
        machine=describe_machine(threads),
    )
    with (folder / _ATTEMPTS).open('a') as file:
        file.write(json.dumps(line) + '\n')


def keep_record(trial: Trial, split: str) -> None:
    """Copy results, config, learning curves and options of a trial to its record."""
    test, record = trial.work_dir(split), trial.record(split)
    results = test / RESULTS
    if not results.is_file():
        raise FileNotFoundError(
            f'{test}: the test has written no results; expected a config that '
            'evaluates with CoopIoUMetric and has the CoopEvaluationHook'
        )
    files = AtomicBackend()
    files.put(results.read_bytes(), record / RESULTS)
    config = trial.config_file(split)
    files.put(config.read_bytes(), record / config.name)
    curves = list(_curves(trial.folder))
    if curves:
        lines = ''.join(f'{json.dumps(line)}\n' for line in curves)
        files.put_text(lines, record / 'log' / 'vis_data' / 'scalars.json')
    attempts = (trial.folder / _ATTEMPTS).read_text()
    about = dict(
        **trial.identity,
        split=split,
        split_options=dict(trial.grid.splits[split]),
        trained=trial.entry.trained,
        attempts=[json.loads(line) for line in attempts.splitlines()],
        training_hours=round(_hours(trial.folder), 4),
        test_hours=round(_hours(test), 4),
    )
    # Written last: a record with this file is complete.
    files.put_text(json.dumps(about, indent=2, default=str) + '\n', record / RECORD)


def _code_revision() -> str:
    """Read the commit of this code, with ``+`` if changed; without git its version."""
    # Not of a repository that surrounds an installed package.
    if not (REPO / '.git').exists() or not shutil.which('git'):
        return __version__
    describe = ['git', 'describe', '--always', '--exclude=*', '--abbrev=40']
    done = subprocess.run(
        [*describe, '--dirty=+'], cwd=REPO, capture_output=True, text=True
    )
    return done.stdout.strip() or __version__


def _hours(work_dir: Path) -> float:
    """Sum the hours from the start to the last line of each log of a work dir."""
    total = 0.0
    for log in work_dir.glob('*/????????_??????.log'):
        start = time.mktime(time.strptime(log.stem, '%Y%m%d_%H%M%S'))
        total += log.stat().st_mtime - start
    return total / 3600


def _curves(work_dir: Path) -> Iterator[dict]:
    """Select the scalars to keep."""
    for record in read_scalars(work_dir):
        if 'mIoU' in record:
            yield record
        elif 'loss' in record:
            yield {key: record[key] for key in _TRAINING if key in record}
