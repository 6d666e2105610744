"""Train and compare methods over seeds: python tools/study.py GRID"""

import argparse
import signal
from pathlib import Path

from rich.console import Console

from mmseg_coop.apis import enable_config_scopes
from mmseg_coop.apis.packaged_configs import find_config
from mmseg_coop.command_line import run_tool
from mmseg_coop.comparison.table_formats import around_marks
from mmseg_coop.engine.stop_hook import STOPPED
from mmseg_coop.study import TrialExecutor, make_trials, read_grid, report
from mmseg_coop.study.progress import LiveTable, Progress


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description='Train the methods of a grid with all their seeds, test them, and '
        'compare them. Started again, it resumes.'
    )
    parser.add_argument(
        'grid',
        help='a config file of methods, as in configs/studies/, or the name of a '
        'packaged one: mmseg_coop::studies/demo.py',
    )
    parser.add_argument(
        '--work-dir',
        type=Path,
        help="folder for training runs; default: work_dirs/ and the grid's name. Grids "
        'with the same folder share the runs that they have in common',
    )
    parser.add_argument(
        '--records',
        type=Path,
        help='folder for small files: results, curves, options, tables; default: '
        'records/ in the work dir',
    )
    parser.add_argument(
        '--jobs',
        type=int,
        default=1,
        metavar='N',
        help='number of runs at a time, which divide the cores among them (at most '
        'OMP_NUM_THREADS each, if it is set); 0 only writes the tables of finished '
        'runs',
    )
    parser.add_argument(
        '--markdown',
        type=Path,
        metavar='FILE',
        help='write the first table and its plots between the marks '
        '<!-- GRID_SPLIT: begin --> and <!-- GRID_SPLIT: end --> of this file',
    )
    parser.add_argument(
        '--list', action='store_true', help='show the progress, run nothing'
    )
    return parser


def run(executor: TrialExecutor, console: Console) -> None:
    # As Ctrl-C: training runs save a checkpoint and exit.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with LiveTable(executor, console) as table:
            executor.run(table)
    except KeyboardInterrupt:
        console.print('Stopped; start again to continue.')
        raise SystemExit(STOPPED) from None


def main(args: argparse.Namespace) -> None:
    console = Console()
    if args.jobs < 0:
        raise ValueError(f'--jobs: found {args.jobs}, expected 0 or more')
    enable_config_scopes()
    grid = read_grid(find_config(args.grid))
    work_dir = args.work_dir or Path('work_dirs') / grid.name
    records = args.records or work_dir / 'records'
    if args.markdown:
        # Checked now: it is written hours later.
        for split in grid.splits:
            around_marks(args.markdown, f'{grid.name}_{split}')
    trials = make_trials(grid, work_dir, records)
    executor = TrialExecutor(trials, args.jobs)
    if args.list:
        executor.failed = {t: t.failure for t in trials if t.failure}
        console.print(Progress(executor).draw())
        return
    if args.jobs:
        run(executor, console)
    report(trials, work_dir, records, console, args.markdown)
    if executor.failed:
        raise ValueError(
            f'{len(executor.failed)} of {len(trials)} runs have failed; start '
            'again to retry them'
        )


if __name__ == '__main__':
    run_tool(make_parser(), main)
