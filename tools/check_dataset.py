"""Read every image and label of a config: python tools/check_dataset.py CONFIG"""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from mmseg_coop.apis import load_config
from mmseg_coop.checkpoints.atomic_backend import AtomicBackend
from mmseg_coop.command_line import add_config_options, run_tool
from mmseg_coop.comparison.class_shares import class_table, draw_class_shares
from mmseg_coop.comparison.table_formats import comma_separated, print_tables
from mmseg_coop.datasets.survey import SPLITS, survey_data
from mmseg_coop.plot_style import save

# Lines that are printed; further ones are counted, and written to --out.
SHOWN = 20


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Read every image and label of every split, and report damaged '
        'files, images and labels of different sizes or without the other, labels that '
        'are no class, images in several splits, and how often classes occur. Exit '
        'code: 0 without faults, 1 with faults, 2 if the data can not be read.'
    )
    parser.add_argument('config', help='config file')
    parser.add_argument('--splits', nargs='+', choices=SPLITS, default=SPLITS)
    parser.add_argument(
        '--nproc', type=int, default=0, help='number of processes that read'
    )
    parser.add_argument(
        '--out',
        type=Path,
        metavar='DIR',
        help='write all faults to faults.txt, and classes.csv and classes.png',
    )
    add_config_options(parser)
    return parser


def show(lines: list[str], title: str) -> None:
    if lines:
        # Not by rich, which would wrap lines.
        print('\n'.join([f'{title}: {len(lines)}', *lines[:SHOWN]]))
    if len(lines) > SHOWN:
        print(f'and {len(lines) - SHOWN} more (all with --out DIR)')


def main(args: argparse.Namespace) -> None:
    config = load_config(args.config, args.cfg_options)
    found = survey_data(config, args.splits, args.nproc)
    table = class_table(found)
    print_tables([table], Console())
    show(found.remarks, 'Remarks')
    show(found.faults, 'Faults')
    if not found.faults:
        print('No faults.')
    if args.out:
        lines = ''.join(f'{line}\n' for line in found.faults)
        AtomicBackend().put_text(lines, args.out / 'faults.txt')
        AtomicBackend().put_text(comma_separated(table), args.out / 'classes.csv')
        save(draw_class_shares(found), args.out / 'classes.png')
        print(f'Written to {args.out}')
    sys.exit(1 if found.faults else 0)


if __name__ == '__main__':
    run_tool(make_parser(), main)
