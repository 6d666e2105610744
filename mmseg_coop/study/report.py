"""Write tables and reports of the finished trials of a study."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ..comparison.comparison import Comparison, compare
from ..comparison.cost_table import with_costs
from ..comparison.iou_tables import all_tables
from ..comparison.report import write_report
from ..comparison.runs import load_runs
from ..comparison.table_formats import print_tables, write
from .markdown_summary import write_summary
from .trial import Trial


def report(
    trials: Sequence[Trial],
    work_dir: Path,
    records: Path,
    console: Console,
    document: Path | None = None,
) -> None:
    """Compare the finished trials on each split, in tables and reports.

    Args:
        trials: All trials.
        work_dir: Folder for reports.
        records: Folder for tables and costs.
        console: Console that prints the tables.
        document: A Markdown file in which each split's summary is written between its
            marks, or None.
    """
    finished = [trial for trial in trials if trial.finished]
    if not finished:
        console.print('No run is finished: there is nothing to compare.')
        return
    grid = trials[0].grid
    for split in grid.splits:
        comparison = compare_trials(finished, split, records)
        tables = all_tables(comparison)
        print_tables(tables, console)
        name = f'{grid.name}_{split}'
        for suffix in ('.md', '.json'):
            write(comparison, tables, records / f'{name}{suffix}')
        folder = work_dir / 'report' / grid.name / split
        try:
            page = write_report(comparison, tables, folder)
        except FileNotFoundError:
            # Weights or data are gone: without a gallery.
            page = write_report(comparison, tables, folder, images=0)
        line = f'{split}: {records / name}.md, {page}'
        console.print(line, markup=False, soft_wrap=True)
        if document:
            write_summary(document, name, comparison, page.parent, records)


def compare_trials(finished: Sequence[Trial], split: str, records: Path) -> Comparison:
    """Compare finished trials on a split, with their costs.

    Args:
        finished: The trials.
        split: Name of the split.
        records: Folder of the file of costs, which are measured if it is missing.
    """
    grid = finished[0].grid
    runs = load_runs([trial.argument(split) for trial in finished])
    runs = [
        replace(run, recombined=not trial.entry.trained)
        for run, trial in zip(runs, finished, strict=True)
    ]
    comparison = compare(runs, grid.baselines)
    return with_costs(comparison, records / f'{grid.name}_cost.json')
