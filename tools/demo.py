"""Train the four methods on embedded data, test and compare them, write a report."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from mmseg_coop.apis import load_config
from mmseg_coop.command_line import run_tool
from mmseg_coop.command_line.short_run import train_and_test
from mmseg_coop.comparison.comparison import compare
from mmseg_coop.comparison.iou_tables import all_tables
from mmseg_coop.comparison.report import write_report
from mmseg_coop.comparison.runs import load_runs
from mmseg_coop.comparison.table_formats import print_tables
from mmseg_coop.evaluation.method_names import METHODS

CONFIGS = Path(__file__).parents[1] / 'configs' / 'coop'


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--network', choices=['danet', 'deeplabv3plus'], default='deeplabv3plus'
    )
    parser.add_argument('--iters', type=int, default=240, help='training iterations')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))
    return parser


def run(args: argparse.Namespace) -> None:
    columns = (
        TextColumn('{task.description:<9}'),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn('{task.fields[miou]}'),
    )
    with Progress(*columns) as progress:
        for method in METHODS:
            task = progress.add_task(method, total=args.iters, miou='')
            config = load_config(
                str(CONFIGS / f'{args.network}_r18_{method}_toy.py'),
                work_dir=str(args.work_dir / method),
            )
            miou = train_and_test(
                config,
                args.iters,
                advance=lambda task=task: progress.advance(task),
            )
            progress.update(task, miou=f'mIoU {miou:.1f}')


def main(args: argparse.Namespace) -> None:
    if args.iters < 1:
        raise ValueError(f'--iters: found {args.iters}, expected 1 or more')
    console = Console()
    console.print(
        f'Training {args.network} on ToyStreets, {args.iters} iterations for each '
        'method, on the CPU or the GPU that is there:'
    )
    run(args)
    comparison = compare(load_runs([str(args.work_dir / name) for name in METHODS]))
    tables = all_tables(comparison)
    print_tables(tables, console)
    console.print(
        'One seed and a short training on drawn scenes: an example, not evidence.'
    )
    page = write_report(comparison, tables, args.work_dir / 'report')
    console.print(f'Report: {page}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
