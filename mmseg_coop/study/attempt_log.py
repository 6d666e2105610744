"""Log of a trial's attempts: a line for each command that is started."""

import json
import shutil
import subprocess
import time
from pathlib import Path

from ..cost.machine import describe_machine
from ..version import __version__

_FILE = 'attempts.jsonl'
# The folder that contains the package.
REPO = Path(__file__).parents[2]


def note_attempt(folder: Path, step: str, threads: int) -> None:
    """Add a line with time, code revision and machine before a command starts."""
    line = dict(
        step=step,
        start=time.strftime('%Y-%m-%d %H:%M:%S'),
        revision=code_revision(),
        threads=threads,
        machine=describe_machine(threads),
    )
    with (folder / _FILE).open('a') as file:
        file.write(json.dumps(line) + '\n')


def read_attempts(folder: Path) -> list[dict]:
    """Read the log of attempts."""
    return [json.loads(line) for line in (folder / _FILE).read_text().splitlines()]


def code_revision() -> str:
    """Read the commit of this code, with ``+`` if changed; without git its version."""
    # Not of a repository that surrounds an installed package.
    if not (REPO / '.git').exists() or not shutil.which('git'):
        return __version__
    describe = ['git', 'describe', '--always', '--exclude=*', '--abbrev=40']
    done = subprocess.run(
        [*describe, '--dirty=+'], cwd=REPO, capture_output=True, text=True
    )
    return done.stdout.strip() or __version__
