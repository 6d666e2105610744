"""Describe the machine of a measurement."""

import os
import platform
import re
from datetime import date
from pathlib import Path

import mmengine
import mmseg
import torch

from ..cpu import cpu_has_bfloat16


def describe_machine(threads: int | None = None) -> str:
    """List processor, threads (of this process), memory, GPU, versions and date."""
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30
    bfloat16 = 'with' if cpu_has_bfloat16() else 'without'
    gpu = f', {torch.cuda.get_device_name()}' if torch.cuda.is_available() else ''
    return (
        f'{_processor()}, {os.cpu_count()} cores, '
        f'{threads or torch.get_num_threads()} threads, '
        f'{memory:.0f} GB, {bfloat16} bfloat16 instructions{gpu}; Python '
        f'{platform.python_version()}, torch {torch.__version__}, mmengine '
        f'{mmengine.__version__}, mmseg {mmseg.__version__}; {date.today()}'
    )


def _processor() -> str:
    info = Path('/proc/cpuinfo')
    found = re.search(
        r'model name\s*: (.+)', info.read_text() if info.is_file() else ''
    )
    return found[1] if found else platform.processor() or platform.machine()
