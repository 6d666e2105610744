"""Peak memory of a call, in a process of its own."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import torch
from mmengine.registry import init_default_scope

from ..quiet import silence_foreign_warnings

# The C library gives every block of 128 KB or more back at once, so that a process
# holds what is in use. Its default is to keep blocks, more or fewer by chance.
_ENVIRONMENT = {'MALLOC_MMAP_THRESHOLD_': '131072', 'THP_MEM_ALLOC_ENABLE': '0'}
_MB = 2**20


def peak_memory(build: Callable[..., Callable[[], object]], *args) -> float:
    """Most memory that a call takes at a time, beyond what was there before it.

    Args:
        build: A function of a module. It makes models and inputs, and returns the call.
        args: Its arguments.

    Returns:
        MB of the processor's memory (Linux only), new gradients included, models and
        inputs not.

    Raises:
        OSError: If the process is ended from outside.
    """
    pool = ProcessPoolExecutor(1, mp_context=get_context('spawn'))
    with _environment(), pool:
        try:
            return pool.submit(_measure, build, args).result()
        except BrokenProcessPool:
            raise OSError(
                'a measuring process was ended from outside, as Linux does when memory '
                'runs out: end other programs, or leave the row out (--only)'
            ) from None


def _measure(build: Callable[..., Callable[[], object]], args: tuple) -> float:
    silence_foreign_warnings()
    init_default_scope('mmseg')
    torch.manual_seed(0)
    call = build(*args)
    before = _resident()
    # Forget the peak of what was made so far.
    Path('/proc/self/clear_refs').write_text('5')
    call()
    return _peak() - before


def _resident() -> float:
    return _status('VmRSS')


def _peak() -> float:
    # Not getrusage's: that one also counts the process that started this one.
    return _status('VmHWM')


def _status(key: str) -> float:
    """A size of this process, in MB; Linux counts in KB."""
    lines = Path('/proc/self/status').read_text().splitlines()
    found = next(line for line in lines if line.startswith(f'{key}:'))
    return int(found.split()[1]) * 1024 / _MB


@contextmanager
def _environment() -> Iterator[None]:
    """Variables that a process reads when it starts."""
    before = dict(os.environ)
    os.environ.update(_ENVIRONMENT)
    try:
        yield
    finally:
        for name in _ENVIRONMENT:
            os.environ.pop(name)
        os.environ.update(before)
