"""Compare runs: python tools/compare.py work_dirs/a work_dirs/b"""

import argparse
from pathlib import Path

from rich.console import Console

from mmseg_coop.command_line import add_trust_argument, check_folder, run_tool
from mmseg_coop.comparison.comparison import compare
from mmseg_coop.comparison.cost_table import with_costs
from mmseg_coop.comparison.iou_tables import all_tables
from mmseg_coop.comparison.report import write_report
from mmseg_coop.comparison.runs import load_runs
from mmseg_coop.comparison.table_formats import (
    FORMATS,
    check_format,
    print_tables,
    write,
)


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Compare runs: mIoU and IoU of classes, gains over the single '
        'network and the ensemble, and their significance. Runs of the same config are '
        'seeds of one method.'
    )
    parser.add_argument(
        'runs',
        nargs='+',
        metavar='RUN',
        help='a work dir, or a file of its results/; NAME=RUN names the method; '
        'RUN:NETWORK (or RUN:mean) is the prediction of this network',
    )
    parser.add_argument(
        '--out',
        nargs='+',
        type=Path,
        default=[],
        metavar='FILE',
        help=f'write the tables, in the format of the suffix: {", ".join(FORMATS)}',
    )
    parser.add_argument(
        '--report',
        type=Path,
        metavar='DIR',
        help='write report.html, one page with tables, learning curves, gains and a '
        'gallery, and its plots as PNG',
    )
    parser.add_argument(
        '--cost',
        type=Path,
        metavar='FILE',
        help='show parameters, FLOPs, time and memory of each method, measured now '
        '(about a minute) or read from this JSON file',
    )
    parser.add_argument(
        '--gallery',
        type=int,
        default=8,
        metavar='N',
        help='number of images in the report, predicted again by each method',
    )
    add_trust_argument(parser)
    return parser


def main(args: argparse.Namespace) -> None:
    console = Console()
    for path in args.out:
        check_format(path)
    if args.report:
        check_folder('--report', args.report)
    comparison = compare(load_runs(args.runs))
    if args.cost:
        comparison = with_costs(comparison, args.cost)
    tables = all_tables(comparison)
    print_tables(tables, console)
    for path in args.out:
        write(comparison, tables, path)
        console.print(f'Written: {path}')
    if args.report:
        page = write_report(comparison, tables, args.report, args.gallery)
        console.print(f'Report: {page}')


if __name__ == '__main__':
    run_tool(make_parser(), main)
