"""Measure speed and memory side by side with MMSegmentation's own code.

python -m benchmarks --json benchmarks.json --markdown docs/benchmarks.md \
    --plot docs/benchmarks
python -m benchmarks --only a b --json benchmarks.json    # rows one at a time
python -m benchmarks --report benchmarks.json --markdown docs/benchmarks.md
"""

import argparse
from pathlib import Path

import torch
from mmengine.registry import init_default_scope
from rich.console import Console

from benchmarks.plots import write_plots
from benchmarks.records import Record, measure, read_records, write_records
from benchmarks.results import Options
from benchmarks.rows import ROWS
from benchmarks.tables import print_records, write_markdown
from mmseg_coop.command_line import run_tool


def make_parser() -> argparse.ArgumentParser:
    rows = ', '.join(f'{name} ({row.title})' for name, row in ROWS.items())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--only', nargs='+', choices=ROWS, metavar='ROW', help=f'of {rows}'
    )
    parser.add_argument('--quick', action='store_true', help='small sizes, for a try')
    parser.add_argument(
        '--repeats', type=int, default=5, help='runs in turn of what is timed'
    )
    parser.add_argument('--camvid', help='folder of CamVid; default: drawn scenes')
    parser.add_argument('--json', type=Path, help='file to write rows to, or to update')
    parser.add_argument(
        '--report', type=Path, help='measure nothing, show the rows of this JSON file'
    )
    parser.add_argument(
        '--markdown', type=Path, help='file to write the table to, between its marks'
    )
    parser.add_argument('--plot', type=Path, help='folder to write plots to')
    return parser


def check(args: argparse.Namespace) -> None:
    """Check arguments before anything is measured."""
    if args.repeats < 1:
        raise ValueError(f'--repeats: found {args.repeats}, expected 1 or more')
    for path in filter(None, (args.json, args.markdown)):
        if not path.parent.is_dir():
            raise FileNotFoundError(f'{path}: there is no folder {path.parent}')


def measure_rows(args: argparse.Namespace, console: Console) -> dict[str, Record]:
    """Measure row by row; each is written at once, because the next may fail."""
    known = args.json is not None and args.json.is_file()
    records = read_records(args.json) if known else {}
    for name in args.only or ROWS:
        console.print(f'{name}: {ROWS[name].title} ...', highlight=False)
        torch.manual_seed(0)
        options = Options(args.quick, args.repeats, args.camvid)
        records[name] = measure(name, options)
        if args.json:
            write_records(args.json, records)
    return {name: records[name] for name in ROWS if name in records}


def main(args: argparse.Namespace) -> None:
    init_default_scope('mmseg')
    console = Console()
    check(args)
    records = read_records(args.report) if args.report else measure_rows(args, console)
    print_records(records, console)
    if args.markdown:
        write_markdown(args.markdown, records)
    if args.plot:
        write_plots(args.plot, records)


if __name__ == '__main__':
    run_tool(make_parser(), main)
