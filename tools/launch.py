"""Start a tool in several processes, as ``python -m torch.distributed.run`` does.

When one of them fails, the others are stopped, and only its error is shown, without
their errors about lost connections and PyTorch's report.

python tools/launch.py --nproc_per_node=2 tools/train.py CONFIG --launcher pytorch
"""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import (
    ChildFailedError,
    ProcessFailure,
)

# Exit codes of processes that were stopped because another failed: killed by the
# signal, or ended by mmseg_coop/engine/stop_hook.py after it has saved a checkpoint.
STOPPED = (-signal.SIGTERM, 75)


def first(failures: dict[int, ProcessFailure]) -> tuple[int, ProcessFailure]:
    """Find the process that failed by itself, and not because of another."""
    return min(
        failures.items(), key=lambda x: (x[1].exitcode in STOPPED, x[1].timestamp)
    )


def describe(rank: int, failure: ProcessFailure) -> str:
    if failure.exitcode < 0:
        name = failure.signal_name()
        memory = ', as when there is too little memory' if name == 'SIGKILL' else ''
        return f'error: process {rank} was killed by {name}{memory}'
    if os.path.isfile(failure.error_file):
        return failure.message['message']
    # The process has printed its error itself.
    return f'(process {rank} ended with exit code {failure.exitcode})'


@contextmanager
def first_error_only() -> Iterator[None]:
    """Show the first error of the started processes, and exit with its code."""
    logging.disable(logging.ERROR)
    try:
        yield
    except ChildFailedError as error:
        rank, failure = first(error.failures)
        print(describe(rank, failure), file=sys.stderr)
        code = failure.exitcode
        raise SystemExit(code if code > 0 else 128 - code) from None
    except SignalException as stop:
        raise SystemExit(128 + stop.sigval) from None
    finally:
        logging.disable(logging.NOTSET)


def main() -> None:
    # SLURM's usual warning before time is up; PyTorch handles SIGTERM.
    signal.signal(signal.SIGUSR1, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    with first_error_only():
        run.run(run.parse_args(sys.argv[1:]))


if __name__ == '__main__':
    main()
