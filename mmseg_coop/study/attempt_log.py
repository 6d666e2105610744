"""Log of a trial's attempts: a line for each command that is started."""

import json
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
    path = folder / _FILE
    lines = path.read_text().splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith('}')]


def code_revision() -> str:
    """Read the commit of this code, with ``+`` if changed; without git its version."""
    if not (REPO / '.git').exists():
        # An installed package, even where a repository surrounds it.
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
