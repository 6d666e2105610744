"""The measured rows as a table in Markdown."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmseg_coop.comparison.table import Table, text_cell
from mmseg_coop.comparison.table_formats import markdown, write_between

from .measurement import Measurement

_COLUMNS = ['row', 'what', 'against', 'theirs', 'ours', 'ratio', 'to reach', 'reached']


def write_markdown(path: Path, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the table between the marks of a file, or to a new file.

    Args:
        path: The file.
        rows: Rows by name, as in the JSON file: ``machine``, ``quick`` (whether sizes
            were small), and ``measurements``, a list of the fields of ``Measurement``.

    Raises:
        ValueError: If the file has no marks.
    """
    cells = []
    machines: dict[str, list[str]] = {}
    notes = []
    for name, row in rows.items():
        machines.setdefault(row['machine'], []).append(name)
        label = f'{name} (quick)' if row['quick'] else name
        for fields in row['measurements']:
            measured = Measurement(**fields)
            cells.append([*map(text_cell, [label, *measured.cells()])])
            if measured.note:
                notes.append(f'{name}: {measured.what}: {measured.note}')
    where = [f'{", ".join(names)}: {machine}' for machine, names in machines.items()]
    table = Table('', _COLUMNS, cells, (*where, *notes))
    write_between(path, 'benchmark', markdown(table))
