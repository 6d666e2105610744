"""Attempts of a run, a line for each start: its code and machine."""

import json
import subprocess
import time
from pathlib import Path

from ..cost.machine import describe_machine
from ..version import __version__

_FILE = 'attempts.jsonl'
# Where the package is found.
REPO = Path(__file__).parents[2]


def note_attempt(folder: Path, step: str, threads: int) -> None:
    """Add a line before a step starts."""
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
    """Read all lines that have been added."""
    path = folder / _FILE
    lines = path.read_text().splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith('}')]


def code_revision() -> str:
    """The commit of this code, with ``+`` if changed; its version without git."""
    if not (REPO / '.git').exists():
        # An installed package; a repository around it is somebody else's.
        return __version__
    try:
        commit = _git('rev-parse', 'HEAD').strip()
        changed = _git('status', '--porcelain', '--untracked-files=no').strip()
    except (OSError, subprocess.CalledProcessError):
        return __version__
    return f'{commit}+' if changed else commit


def _git(*arguments: str) -> str:
    return subprocess.run(
        ['git', '-C', str(REPO), *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
