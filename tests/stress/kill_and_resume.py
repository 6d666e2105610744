"""Kill a training run with SIGKILL at random moments, resume it, compare the result.

    python tests/stress/kill_and_resume.py --kills 200

Half of the kills come at any moment, half within milliseconds of the start of a write.
After each, every checkpoint that has its name has to be complete, and the one that
last_checkpoint names has to be there. A run that has been killed and resumed until
it was finished has to end like one that ran through, to the bit: weights, EMA,
optimizer, schedule, logs, and the names of the files.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS.parent), str(TESTS)]

import torch  # noqa: E402
from mmengine.config import Config  # noqa: E402
from mmengine.registry import init_default_scope  # noqa: E402
from mmengine.runner import runner  # noqa: E402

from mmseg_coop.checkpoints.atomic_backend import AtomicBackend  # noqa: E402
from mmseg_coop.checkpoints.resume import damage  # noqa: E402

from helpers.interruptible import differences, final_state, make_interruptible  # noqa: E402

# Writes of the tiny checkpoints take that long, with their fsync.
_WRITE_SECONDS = 0.008


@dataclass
class Counts:
    """Kills, kills during a write, and runs."""

    kills: int = 0
    in_write: int = 0
    runs: int = 0


def prepare(root: Path) -> None:
    """Have all in memory that takes longer than the tiny training."""
    torch.set_num_threads(1)
    init_default_scope('mmseg')
    # MMEngine formats the config for each checkpoint, and asks compilers for versions.
    Config.pretty_text = property(repr)
    runner.collect_env = dict
    make_interruptible(root / 'imports')


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
        # A group of its own, with its loader workers.
        os.setpgid(child, child)
        os.close(writes)
        return child, reads
    code = 1
    try:
        log = os.open(work_dir.with_suffix('.log'), os.O_CREAT | os.O_APPEND | 1)
        os.dup2(log, 1)
        os.dup2(log, 2)
        train(work_dir, resume, writes)
        code = 0
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run_or_kill(
    work_dir: Path, resume: bool, seconds: float | None, dice: random.Random
) -> int | None:
    """Train, and kill at a random moment within so many seconds, or not at all.

    Returns:
        The exit code of a run that has finished by then.
    """
    child, reads = start(work_dir, resume)
    if seconds is None:
        done, status = os.waitpid(child, 0)
    else:
        if dice.random() < 0.5:
            for _ in range(dice.randrange(1, 10)):
                # Empty when the process has ended.
                os.read(reads, 1)
            seconds = _WRITE_SECONDS
        time.sleep(dice.uniform(0, seconds))
        done, status = os.waitpid(child, os.WNOHANG)
    os.close(reads)
    if done:
        return os.waitstatus_to_exitcode(status)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def check_files(work_dir: Path) -> None:
    """Check what must hold whenever a process has been killed."""
    for path in work_dir.glob('*.pth'):
        assert damage(path) is None, f'{path} is incomplete'
    last = work_dir / 'last_checkpoint'
    # Empty in the moment in which MMEngine writes it.
    if last.exists() and (name := last.read_text()):
        assert Path(name).is_file(), f'{last} names no file'


def torture(root: Path, kills: int, seed: int) -> Counts:
    """Kill that many times, in as many runs as it takes.

    Raises:
        AssertionError: If anything is lost.
    """
    dice = random.Random(seed)
    prepare(root)
    begin = time.monotonic()
    child, _ = start(root / 'whole', resume=False)
    assert os.waitpid(child, 0)[1] == 0, (root / 'whole.log').read_text()
    seconds = time.monotonic() - begin
    expected = final_state(root / 'whole')
    counts = Counts()
    while counts.kills < kills:
        work_dir = root / f'killed_{counts.runs}'
        code = run_or_kill(work_dir, False, seconds, dice)
        while code is None:
            counts.kills += 1
            counts.in_write += any(work_dir.glob('.*.incomplete'))
            check_files(work_dir)
            patience = seconds if counts.kills < kills else None
            code = run_or_kill(work_dir, True, patience, dice)
        assert code == 0, work_dir.with_suffix('.log').read_text()
        found = differences(final_state(work_dir), expected)
        assert not found, f'{work_dir}: {found} differ'
        assert not any(work_dir.glob('.*.incomplete'))
        counts.runs += 1
        print(counts, flush=True)
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=200)
    parser.add_argument('--seed', type=int, default=0)
    args = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as root:
        counts = torture(Path(root), args.kills, args.seed)
    print(
        f'{counts.kills} kills, {counts.in_write} of them in a write; '
        f'{counts.runs} runs ended like the one that ran through, in '
        f'{time.monotonic() - begin:.0f} s'
    )


if __name__ == '__main__':
    main()
