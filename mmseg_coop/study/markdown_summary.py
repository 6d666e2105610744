"""Write the summary of a study between marks of a Markdown file."""

import os
import shutil
from pathlib import Path

from ..comparison.comparison import Comparison
from ..comparison.iou_tables import summary_table
from ..comparison.table_formats import around_marks, markdown, write_between
from .grid import Grid

# Figures of a report, and their titles.
_FIGURES = {
    'costs.png': 'mIoU over cost',
    'gains.png': 'Gains over the single network',
    'curves_*.png': 'Validation',
}


def check_marks(document: Path, grid: Grid) -> None:
    """Raise an error if a document lacks the marks of a grid's splits."""
    for split in grid.splits:
        around_marks(document, f'{grid.name}_{split}')


def write_summary(
    document: Path, name: str, comparison: Comparison, report: Path, records: Path
) -> None:
    """Write the summary table and the figures of a report between marks of a document.

    Figures are copied from the report's folder to that of the records. The marks are
    ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``.
    """
    parts = [markdown(summary_table(comparison)).strip()]
    for pattern, title in _FIGURES.items():
        pictures = []
        # Figures of methods that are no longer in the grid.
        for old in records.glob(f'{name}_{pattern}'):
            old.unlink()
        for source in sorted(report.glob(pattern)):
            kept = records / f'{name}_{source.name}'
            shutil.copyfile(source, kept)
            pictures.append(f'![{title}]({_link(kept, document)})')
        parts += ['\n'.join(pictures)] if pictures else []
    tables = _link(records / f'{name}.md', document)
    parts.append(f'Classes, each network, calibration and borders: [{name}]({tables})')
    write_between(document, name, '\n\n'.join(parts))


def _link(file: Path, document: Path) -> str:
    return Path(os.path.relpath(file, document.parent)).as_posix()
