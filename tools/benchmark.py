"""Measure peak memory and time against MMSegmentation's own code, side by side.

Position attention of DANet at the sizes of Cityscapes (512 channels, float32):

python tools/benchmark.py
"""

import argparse
import json
import multiprocessing
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

import torch
from mmseg.models.decode_heads.da_head import PAM
from rich.console import Console
from rich.table import Table

from mmseg_coop.apis import one_line_errors
from mmseg_coop.models.decode_heads.efficient_da_head import EfficientPAM

# Feature maps of a crop of 768x768 and of an image of 1024x2048, at stride 8.
CASES = {
    '96x96, forward and backward': ((96, 96), True),
    '128x256, forward': ((128, 256), False),
    '128x256, forward and backward': ((128, 256), True),
}
VARIANTS = {'MMSegmentation': PAM, 'mmseg_coop': EfficientPAM}


def peak_memory() -> float:
    """Most memory that this process has had so far, in MB (Linux counts in KB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(variant: str, size: tuple[int, int], backward: bool) -> dict[str, float]:
    """Peak memory of a call beyond what its inputs take, and its time."""
    torch.manual_seed(0)
    module = VARIANTS[variant](512, 64)
    x = torch.randn(1, 512, *size)
    # Threads and kernels are set up by a small call first.
    run(module, torch.randn(1, 512, 8, 8), backward)
    before = peak_memory()
    start = time.perf_counter()
    run(module, x, backward)
    seconds = time.perf_counter() - start
    return {'MB': peak_memory() - before, 'seconds': seconds}


def run(module: torch.nn.Module, x: torch.Tensor, backward: bool) -> None:
    with torch.set_grad_enabled(backward):
        out = module(x.requires_grad_(backward))
    if backward:
        out.sum().backward()


def in_new_process(function: Callable, *args) -> dict[str, float]:
    """Peak memory only grows, so that each measurement needs its own process."""
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(function, args)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--json', type=Path, help='file to write the figures to')
    args = parser.parse_args()
    with one_line_errors():
        measure_all(args.json)


def measure_all(file: Path | None) -> None:
    if file and not file.parent.is_dir():
        raise FileNotFoundError(f'--json {file}: there is no such folder')
    table = Table(title='Position attention of DANet')
    for column in ('case', 'quantity', *VARIANTS, 'ratio'):
        table.add_column(column, justify='left' if column == 'case' else 'right')
    figures = {
        'machine': platform.processor() or platform.machine(),
        'threads': torch.get_num_threads(),
        'torch': torch.__version__,
    }
    for case, (size, backward) in CASES.items():
        found = {v: in_new_process(measure, v, size, backward) for v in VARIANTS}
        figures[case] = found
        for quantity in ('MB', 'seconds'):
            host, ours = (found[variant][quantity] for variant in VARIANTS)
            cells = (f'{host:.1f}', f'{ours:.1f}', f'{ours / host:.2f}')
            table.add_row(case, quantity, *cells)
    Console().print(table)
    if file:
        file.write_text(json.dumps(figures, indent=2))


if __name__ == '__main__':
    main()
