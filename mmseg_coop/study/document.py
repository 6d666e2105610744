"""What a study has found, at a glance, within a document of one's own."""

import os
import shutil
from pathlib import Path

from ..evaluation.comparison import Comparison
from ..evaluation.render import around_marks, markdown, write_between
from ..evaluation.tables import summary_table
from .grid import Grid

_FIGURES = {'costs': 'mIoU over cost', 'gains': 'Gains over the single network'}


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
    for figure, title in _FIGURES.items():
        source = report / f'{figure}.png'
        if source.is_file():
            kept = records / f'{name}_{figure}.png'
            shutil.copyfile(source, kept)
            parts.append(f'![{title}]({_link(kept, document)})')
    tables = _link(records / f'{name}.md', document)
    parts.append(f'Classes, each network, calibration and borders: [{name}]({tables})')
    write_between(document, name, '\n\n'.join(parts))


def _link(file: Path, document: Path) -> str:
    return Path(os.path.relpath(file, document.parent)).as_posix()
