"""Kill a training with SIGKILL at random moments, resume it, compare the result.

    python tests/stress/kill_and_resume.py --kills 200

Half of the kills come at any moment, half within milliseconds of the start of a write.
After each, every checkpoint that has its name has to be complete, and the one that
last_checkpoint names has to be there. A training that has been killed and resumed until
it was finished has to end like one that ran through, to the bit: weights, EMA,
optimizer, schedule, logs, and the names of the files.
"""

import argparse
import os
import random
import select
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

from mmengine.registry import init_default_scope  # noqa: E402

from interruptible import differences, final_state, make_interruptible  # noqa: E402
from mmseg_coop.engine import AtomicBackend  # noqa: E402
from mmseg_coop.engine.resume import damage  # noqa: E402

# Writes of the tiny checkpoints take that long, with their fsync.
_WRITE_SECONDS = 0.03


@dataclass
class Figures:
    """What happened."""

    kills: int = 0
    in_write: int = 0
    trainings: int = 0


def train(work_dir: Path, resume: bool, writes: int) -> None:
    """Train in this process; tell of each start of a write."""
    put = AtomicBackend.put

    def announced(self, obj, filepath):
        os.write(writes, b'.')
        put(self, obj, filepath)

    AtomicBackend.put = announced
    make_interruptible(work_dir, resume=resume).train()


def start(work_dir: Path, resume: bool) -> tuple[int, int]:
    """Train in a process of its own: it is forked, since imports take seconds."""
    reads, writes = os.pipe()
    child = os.fork()
    if child:
        os.close(writes)
        return child, reads
    code = 1
    try:
        os.setsid()
        log = os.open(work_dir.with_suffix('.log'), os.O_CREAT | os.O_APPEND | 1)
        os.dup2(log, 1)
        os.dup2(log, 2)
        train(work_dir, resume, writes)
        code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run_or_kill(work_dir: Path, resume: bool, seconds: float, dice) -> int | None:
    """Train, and kill at a random moment; the exit code if it was finished by then."""
    child, reads = start(work_dir, resume)
    moment = dice.uniform(0, seconds)
    if dice.random() < 0.5:
        for _ in range(dice.randrange(1, 10)):
            # Also ready when the process has ended.
            select.select([reads], [], [], seconds)
            os.read(reads, 1)
        moment = dice.uniform(0, _WRITE_SECONDS)
    select.select([], [], [], moment)
    os.close(reads)
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        return os.waitstatus_to_exitcode(status)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def check_files(work_dir: Path) -> None:
    """What has to hold whenever a process has been killed."""
    for path in work_dir.glob('*.pth'):
        assert damage(path) is None, f'{path} is incomplete'
    last = work_dir / 'last_checkpoint'
    if last.exists():
        assert Path(last.read_text()).is_file(), f'{last} names no file'


def torture(root: Path, kills: int, seed: int) -> Figures:
    """Kill that many times, in as many trainings as it takes.

    Raises:
        AssertionError: If anything is lost.
    """
    dice = random.Random(seed)
    begin = time.monotonic()
    child, _ = start(root / 'whole', resume=False)
    assert os.waitpid(child, 0)[1] == 0, (root / 'whole.log').read_text()
    seconds = time.monotonic() - begin
    expected = final_state(root / 'whole')
    figures = Figures()
    while figures.kills < kills:
        work_dir = root / f'killed_{figures.trainings}'
        resume = False
        while (code := run_or_kill(work_dir, resume, seconds, dice)) is None:
            resume = True
            figures.kills += 1
            figures.in_write += any(work_dir.glob('.*.incomplete'))
            check_files(work_dir)
            if figures.kills >= kills:
                seconds = 1e6
        assert code == 0, work_dir.with_suffix('.log').read_text()
        found = differences(final_state(work_dir), expected)
        assert not found, f'{work_dir}: {found} differ'
        assert not any(work_dir.glob('.*.incomplete'))
        figures.trainings += 1
        print(figures, flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    init_default_scope('mmseg')
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as root:
        figures = torture(Path(root), args.kills, args.seed)
    print(
        f'{figures.kills} kills, {figures.in_write} of them in a write; '
        f'{figures.trainings} trainings ended like the one that ran through, in '
        f'{time.monotonic() - begin:.0f} s'
    )


if __name__ == '__main__':
    main()
