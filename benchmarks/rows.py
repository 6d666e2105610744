"""The measured rows, in a JSON file and as a table in Markdown."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mmseg_coop.checkpoints.atomic_backend import AtomicBackend
from mmseg_coop.comparison.table import Table, text_cell
from mmseg_coop.comparison.table_formats import markdown, write_between

from .measurement import Measurement

_COLUMNS = ['row', 'what', 'against', 'theirs', 'ours', 'ratio', 'to reach', 'reached']


@dataclass(frozen=True)
class Row:
    """Results of a row.

    Attributes:
        machine: Machine, versions and date.
        quick: Whether the sizes were small ones (``--quick``).
        measurements: What was measured.
    """

    machine: str
    quick: bool
    measurements: list[Measurement]


def write_rows(path: Path, rows: dict[str, Row]) -> None:
    """Write rows by name."""
    content = {name: asdict(row) for name, row in rows.items()}
    AtomicBackend().put_text(json.dumps(content, indent=2) + '\n', path)


def read_rows(path: Path) -> dict[str, Row]:
    """Read rows by name, as ``write_rows`` has written them."""
    rows = {}
    for name, row in json.loads(path.read_text()).items():
        measurements = [Measurement(**measured) for measured in row['measurements']]
        rows[name] = Row(row['machine'], row['quick'], measurements)
    return rows


def write_markdown(path: Path, rows: dict[str, Row]) -> None:
    """Write the table between the marks of a file, or to a new file.

    Raises:
        ValueError: If the file has no marks.
    """
    cells = []
    machines: dict[str, list[str]] = {}
    notes = []
    for name, row in rows.items():
        machines.setdefault(row.machine, []).append(name)
        label = f'{name} (quick)' if row.quick else name
        for measured in row.measurements:
            cells.append([*map(text_cell, [label, *measured.cells()])])
            if measured.note:
                notes.append(f'{name}: {measured.what}: {measured.note}')
    where = [f'{", ".join(names)}: {machine}' for machine, names in machines.items()]
    table = Table('', _COLUMNS, cells, (*where, *notes))
    write_between(path, 'benchmark', markdown(table))
