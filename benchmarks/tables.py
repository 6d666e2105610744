"""The measured rows as a table, for the terminal and in Markdown."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from mmseg_coop.comparison.table import Table, text_cell
from mmseg_coop.comparison.table_formats import markdown, write_between

from .records import Record
from .results import Measurement

_MET = {True: 'yes', False: '**no**', None: '–'}
_COLUMNS = ['row', 'what', 'against', 'theirs', 'ours', 'ratio', 'to reach', 'reached']
# The column that is left out in a terminal of 80 characters.
_WIDE = 'against'


def print_records(records: dict[str, Record], console: Console) -> None:
    """Print the table to the terminal."""
    table = _table(records)
    rich = RichTable(show_lines=True)
    wide = table.columns.index(_WIDE)
    for name in _without(table.columns, wide):
        rich.add_column(name, min_width=28 if name == 'what' else None)
    for row in table.rows:
        cells = [escape(cell.text.replace('**', '')) for cell in row]
        rich.add_row(*_without(cells, wide))
    console.print(rich)
    for note in table.notes:
        console.print(escape(note), style='dim', highlight=False)


def write_markdown(path: Path, records: dict[str, Record]) -> None:
    """Write the table between the marks of a file, or to a new file.

    Raises:
        ValueError: If the file has no marks.
    """
    write_between(path, 'benchmark', markdown(_table(records)))


def _table(records: dict[str, Record]) -> Table:
    rows = [
        [*map(text_cell, cells)]
        for name, record in records.items()
        for cells in _cells(name, record)
    ]
    machines: dict[str, list[str]] = {}
    for name, record in records.items():
        machines.setdefault(record.machine, []).append(name)
    notes = [f'{", ".join(names)}: {machine}' for machine, names in machines.items()]
    notes += [
        f'{name}: {measured.what}: {measured.note}'
        for name, record in records.items()
        for measured in record.measurements
        if measured.note
    ]
    return Table('', _COLUMNS, rows, tuple(notes))


def _cells(name: str, record: Record) -> Iterator[list[str]]:
    small = ' (quick)' if record.quick else ''
    for measured in record.measurements:
        yield [
            f'{name}{small}',
            measured.what,
            measured.against,
            f'{_number(measured.host)} {measured.unit}',
            f'{_number(measured.ours)} {measured.unit}',
            _ratio(measured),
            _limit(measured),
            _MET[measured.met],
        ]


def _without(cells: list[str], place: int) -> list[str]:
    return cells[:place] + cells[place + 1 :]


def _ratio(measured: Measurement) -> str:
    if measured.pairs is None:
        return f'{measured.ratio:.3f}'
    low, middle, high = measured.pairs
    return f'{measured.ratio:.2f} (in turn {middle:.2f}, {low:.2f} to {high:.2f})'


def _limit(measured: Measurement) -> str:
    if measured.limit is None:
        return '–'
    return f'{"≥" if measured.at_least else "≤"} {measured.limit:.3g}'


def _number(value: float) -> str:
    return f'{value:,.0f}' if abs(value) >= 100 else f'{value:.3g}'
