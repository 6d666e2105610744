"""Summary of a study, written between marks of a document."""

import os
import shutil
from pathlib import Path

from ..comparison.comparison import Comparison
from ..comparison.iou_tables import summary_table
from ..comparison.table_formats import around_marks, markdown, write_between
from .grid import Grid

# Files of a report, and what they show.
_FIGURES = {
    'costs.png': 'mIoU over cost',
    'gains.png': 'Gains over the single network',
    'curves_*.png': 'Validation',
}


def check_marks(document: Path, grid: Grid) -> None:
    """Check that a document has the marks of a grid's splits.

    Raises:
        ValueError: If it has not.
    """
    for split in grid.splits:
        around_marks(document, f'{grid.name}_{split}')


def write_summary(
    document: Path, name: str, comparison: Comparison, report: Path, records: Path
) -> None:
    """Write the first table and the figures of a report between marks of a document.

    Args:
        document: A Markdown file.
        name: That of the marks, ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``.
        comparison: What is told.
        report: The folder of the report, from which figures are copied.
        records: Where they are kept.

    Raises:
        ValueError: If the document has no such marks.
    """
    parts = [markdown(summary_table(comparison)).strip()]
    for pattern, title in _FIGURES.items():
        pictures = []
        # Of methods that were there before.
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
