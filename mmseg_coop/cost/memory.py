"""Measure the peak memory of a call in a separate process."""

import os
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import torch
from mmengine.registry import init_default_scope

from ..quiet import silence_foreign_warnings

# Have the C library return each block of 128 KB or more as soon as it is freed. By
# default it keeps some, more or fewer by chance.
_ENVIRONMENT = {'MALLOC_MMAP_THRESHOLD_': '131072', 'THP_MEM_ALLOC_ENABLE': '0'}


def peak_memory(build: Callable[..., Callable[[], object]], *args) -> float:
    """Measure the peak memory of a call, above the memory in use before it.

    Args:
        build: A function of a module, which makes models and inputs, which do not
            count, and returns the call.
        args: Arguments of ``build``.

    Returns:
        MB of main memory (Linux only).
    """
    environment = patch.dict(os.environ, _ENVIRONMENT)
    with environment, ProcessPoolExecutor(1, get_context('spawn')) as pool:
        try:
            return pool.submit(_measure, build, args).result()
        except BrokenProcessPool:
            raise OSError(
                'a measuring process was ended from outside, as Linux does when memory '
                'runs out: end other programs'
            ) from None


def _measure(build: Callable[..., Callable[[], object]], args: tuple) -> float:
    silence_foreign_warnings()
    init_default_scope('mmseg')
    torch.manual_seed(0)
    call = build(*args)
    before = _status('VmRSS')
    # Reset the peak, which building may have raised.
    Path('/proc/self/clear_refs').write_text('5')
    call()
    # Not getrusage's peak, which includes that of the parent process.
    return _status('VmHWM') - before


def _status(key: str) -> float:
    """Read a size of this process in MB; Linux gives KB."""
    status = Path('/proc/self/status').read_text()
    return int(re.search(rf'{key}:\s*(\d+)', status)[1]) / 1024
