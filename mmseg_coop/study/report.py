"""Write tables and reports of the finished trials of a study, and their summary."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ..comparison.comparison import Comparison, compare
from ..comparison.cost_table import with_costs
from ..comparison.iou_tables import all_tables, summary_table
from ..comparison.report import write_report
from ..comparison.runs import load_runs
from ..comparison.table_formats import markdown, print_tables, write, write_between
from ..wording import first_line
from .trial import Trial

# Figures of a report, and their titles.
_FIGURES = {
    'costs.png': 'mIoU over cost',
    'gains.png': 'Gains over the single network',
    'curves.png': 'Learning curves on the validation set',
}


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
        console: Prints the tables.
        document: A Markdown file for the summaries.
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
        except (OSError, ValueError, AssertionError) as error:
            # Weights or data are gone, or others.
            console.print(f'{split}: no gallery: {first_line(error)}', markup=False)
            page = write_report(comparison, tables, folder, images=0)
        line = f'{split}: tables {records / name}.md, report {page}'
        console.print(line, markup=False, soft_wrap=True)
        if document:
            _write_summary(document, name, comparison, page.parent, records)


def compare_trials(finished: Sequence[Trial], split: str, records: Path) -> Comparison:
    """Compare finished trials on a split; costs that are not recorded are measured."""
    grid = finished[0].grid
    runs = load_runs([trial.argument(split) for trial in finished])
    runs = [
        replace(run, recombined=not trial.entry.trained)
        for run, trial in zip(runs, finished, strict=True)
    ]
    comparison = compare(runs, grid.baselines)
    # Splits may have images of different sizes.
    return with_costs(comparison, records / f'{grid.name}_{split}_cost.json')


def _write_summary(
    document: Path, name: str, comparison: Comparison, report: Path, records: Path
) -> None:
    """Write the summary table and the figures of a report between marks of a document.

    Figures are copied from the report's folder to that of the records. The marks are
    ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``.
    """
    parts = [markdown(summary_table(comparison)).strip()]
    for file, title in _FIGURES.items():
        kept = records / f'{name}_{file}'
        if (report / file).is_file():
            shutil.copyfile(report / file, kept)
            parts.append(f'![{title}]({_link(kept, document)})')
        else:
            kept.unlink(missing_ok=True)
    tables = _link(records / f'{name}.md', document)
    parts.append(f'Classes, each network, calibration and borders: [{name}]({tables})')
    write_between(document, name, '\n\n'.join(parts))


def _link(file: Path, document: Path) -> str:
    return Path(os.path.relpath(file, document.parent)).as_posix()
