"""Tables and reports of what a study has finished."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ..comparison.comparison import Comparison, compare
from ..comparison.iou_tables import all_tables
from ..comparison.measured_costs import with_costs
from ..comparison.report import write_report
from ..comparison.report.gallery import check_weights
from ..comparison.runs import load_runs
from ..comparison.table_formats import print_tables, write
from .summary import write_summary
from .trial import Trial

_PICTURES = 8


def report(
    trials: Sequence[Trial],
    work_dir: Path,
    records: Path,
    console: Console,
    document: Path | None = None,
) -> None:
    """Compare what is finished on each split, in tables and reports.

    Args:
        trials: All runs.
        work_dir: Where reports go.
        records: Where tables and costs go.
        console: Where tables are printed.
        document: A Markdown file that has a split's summary between the marks
            ``<!-- GRID_SPLIT: begin -->`` and ``<!-- GRID_SPLIT: end -->``.

    Raises:
        ValueError: If the document has no such marks.
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
        pictures = _PICTURES if _can_predict(comparison) else 0
        folder = work_dir / 'report' / grid.name / split
        page = write_report(comparison, tables, folder, pictures)
        line = f'{split}: {records / name}.md, {page}'
        console.print(line, markup=False, soft_wrap=True)
        if document:
            write_summary(document, name, comparison, page.parent, records)


def compare_trials(finished: Sequence[Trial], split: str, records: Path) -> Comparison:
    """Compare finished runs on a split, with what they cost.

    Args:
        finished: The runs.
        split: What they were tested on.
        records: Where costs are kept, once they are measured.
    """
    grid = finished[0].grid
    runs = [
        replace(run, recombined=not trial.entry.trained)
        for run, trial in zip(
            load_runs([trial.argument(split) for trial in finished]),
            finished,
            strict=True,
        )
    ]
    comparison = compare(runs, grid.baselines)
    return with_costs(comparison, records / f'{grid.name}_cost.json')


def _can_predict(comparison: Comparison) -> bool:
    """Tell whether images can be predicted again: not from records alone."""
    try:
        for method in comparison.methods:
            check_weights(method.runs[0])
    except FileNotFoundError:
        return False
    return True
