"""Measure speed and memory side by side with MMSegmentation's own code.

python -m benchmarks --json benchmarks.json --markdown docs/benchmarks.md
python -m benchmarks --only a b --json benchmarks.json    # rows one at a time
python -m benchmarks --only --json benchmarks.json --markdown docs/benchmarks.md
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch
from mmengine.registry import init_default_scope

from benchmarks import (
    attention,
    compiled,
    connectors,
    end_to_end,
    prediction,
    training,
)
from benchmarks.rows import write_markdown
from mmseg_coop.checkpoints.atomic_backend import AtomicBackend
from mmseg_coop.command_line import run_tool
from mmseg_coop.cost.machine import describe_machine

# Functions that measure a row, each described by its docstring.
ROWS = {
    'a': attention.crop,
    'b': attention.whole_image,
    'c': training.memory,
    'd': training.time,
    'e': prediction.bottom,
    'g': end_to_end.test,
    'h': end_to_end.train,
    'i': connectors.share,
    'compile': compiled.compiled,
}


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--only',
        nargs='*',
        choices=ROWS,
        default=ROWS,
        metavar='ROW',
        help=f'of {", ".join(ROWS)}; without any, nothing is measured',
    )
    parser.add_argument('--quick', action='store_true', help='small sizes, for a try')
    parser.add_argument('--json', type=Path, help='file to write rows to, or to update')
    parser.add_argument(
        '--markdown', type=Path, help='file to write the table to, between its marks'
    )
    return parser


def main(args: argparse.Namespace) -> None:
    init_default_scope('mmseg')
    known = args.json and args.json.is_file()
    rows = json.loads(args.json.read_text()) if known else {}
    if not (args.only or rows):
        raise ValueError('--only: found no row to measure, nor one in --json FILE')
    for name in args.only:
        print(f'{name}: {ROWS[name].__doc__}')
        torch.manual_seed(0)
        measurements = list(ROWS[name](args.quick))
        print(*measurements, sep='\n')
        rows[name] = dict(
            machine=describe_machine(),
            quick=args.quick,
            measurements=list(map(asdict, measurements)),
        )
        rows = {name: rows[name] for name in ROWS if name in rows}
        # At once, because the next may fail.
        if args.json:
            AtomicBackend().put_text(f'{json.dumps(rows, indent=2)}\n', args.json)
    if args.markdown:
        write_markdown(args.markdown, rows)


if __name__ == '__main__':
    run_tool(make_parser(), main)
