"""Write a table for the terminal, Markdown, CSV, LaTeX and JSON."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from ..checkpoints.atomic_backend import AtomicBackend
from .comparison import Comparison, Method
from .table import Cell, Table

# In the terminal: width up to which columns are not wrapped, and of their borders.
_LINE, _BORDERS = 17, 3
_LATEX = str.maketrans(
    {c: f'\\{c}' for c in '%_&#${}'}
    | {'\\': r'\textbackslash{}', '~': r'\textasciitilde{}'}
    | {'^': r'\textasciicircum{}', '≈': r'$\approx$'}
)


def print_tables(tables: Sequence[Table], console: Console) -> None:
    """Print to the terminal; tables that are too wide in parts, wrapped at spaces."""
    for table in tables:
        upright = table.upright()
        widths = _widths(upright, console.width)
        rest = list(range(1, len(widths)))
        while rest:
            part, room = [0], console.width - widths[0]
            while rest and (len(part) == 1 or room > widths[rest[0]]):
                room -= widths[rest[0]]
                part.append(rest.pop(0))
            rich = RichTable(title=escape(table.title))
            for i in part:
                name, side = escape(upright.columns[i]), 'right' if i else 'left'
                rich.add_column(name, justify=side, width=widths[i] - _BORDERS)
            for row in upright.rows:
                cells = (_marked(row[i], escape, '[bold]', '[/bold]') for i in part)
                rich.add_row(*cells)
            console.print(rich)
        for note in table.notes:
            console.print(escape(note), style='dim', highlight=False)


def _widths(table: Table, width: int) -> list[int]:
    """Widths of columns with borders; without wrapped texts if these fit a width."""
    rows = [table.columns, *([cell.text for cell in row] for row in table.rows)]
    columns = list(zip(*rows, strict=True))
    whole = [max(map(len, texts)) + _BORDERS for texts in columns]
    if sum(whole) < width:
        return whole
    words = [max(map(len, ' '.join(texts).split() or [''])) for texts in columns]
    return [
        max(word + _BORDERS, min(line, _LINE))
        for word, line in zip(words, whole, strict=True)
    ]


def markdown(table: Table) -> str:
    """Format as Markdown, with the best values in bold."""
    columns = list(map(_escape_markdown, table.columns))
    lines = [columns, ['---'] + ['--:'] * (len(table.columns) - 1)]
    lines += [
        [_marked(cell, _escape_markdown, '**', '**') for cell in row]
        for row in table.rows
    ]
    body = '\n'.join(f'| {" | ".join(line)} |' for line in lines)
    notes = ''.join(f'\n{note}\n' for note in table.notes)
    return f'{table.title}\n\n{body}\n{notes}'


def comma_separated(table: Table) -> str:
    """Format as CSV, with unrounded numbers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow(table.columns)
    writer.writerows([cell.value for cell in row] for row in table.rows)
    return text.getvalue()


def latex(table: Table) -> str:
    """Format as a LaTeX table for the packages booktabs and rotating."""
    head = [f'\\rotatebox{{90}}{{{_escape_latex(name)}}}' for name in table.columns[1:]]
    rows = [
        [_marked(cell, _escape_latex, r'\textbf{', '}') for cell in row]
        for row in table.rows
    ]
    head, *body = (f'{" & ".join(row)} \\\\' for row in [['', *head], *rows])
    lines = [
        f'\\begin{{tabular}}{{l{"r" * (len(table.columns) - 1)}}}',
        '\\toprule',
        head,
        '\\midrule',
        *body,
        '\\bottomrule',
        '\\end{tabular}',
        *(f'% {note}' for note in table.notes),
    ]
    return ''.join(f'{line}\n' for line in lines)


def as_json(comparison: Comparison) -> str:
    """Format all numbers of a comparison, unrounded."""
    methods = [_method_fields(comparison, method) for method in comparison.methods]
    paper = [
        dict(network=row.network, method=row.method, mIoU=row.miou, classes=row.classes)
        | dict(classes_average_to_mIoU=row.consistent)
        for row in comparison.paper
    ]
    content = dict(dataset=comparison.dataset, methods=methods, paper=paper)
    return json.dumps(_without_nan(content), indent=2, allow_nan=False) + '\n'


def _without_nan(value: Any) -> Any:
    """None in place of NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_without_nan, value))
    return None if isinstance(value, float) and isnan(value) else value


def _method_fields(comparison: Comparison, method: Method) -> dict[str, Any]:
    gains = {kind: comparison.gain(method, kind) for kind in comparison.baselines}
    cost = comparison.costs.get(method.label)
    values = zip(comparison.classes, method.iou.tolist(), strict=True)
    return dict(
        method=method.label,
        network=method.network,
        trained=method.trained,
        runs=[dict(run.results.meta, file=str(run.file)) for run in method.runs],
        mIoU=method.miou,
        mIoU_std=method.std,
        mIoU_interval=method.interval,
        mIoU_by_run=method.mious.tolist(),
        gains={
            kind: dict(
                points=gain.points,
                confidence_interval=gain.interval,
                p_value=gain.p_value,
            )
            for kind, gain in gains.items()
            if gain
        },
        classes=dict(values),
        predictions=[
            {name: run.results.reliability(name) for name in run.results.areas}
            for run in method.runs
        ],
        cost=cost and asdict(cost),
    )


_WRITERS = {
    '.md': lambda _, tables: '\n'.join(map(markdown, tables)),
    # It holds one table.
    '.csv': lambda _, tables: comma_separated(tables[0]),
    '.tex': lambda _, tables: '\n'.join(map(latex, tables)),
    '.json': lambda comparison, _: as_json(comparison),
}
FORMATS = tuple(_WRITERS)


def check_format(path: Path) -> None:
    """Raise an error if the suffix of a table's file is not supported."""
    if path.suffix not in FORMATS:
        raise ValueError(
            f'--out: {path} has the suffix {path.suffix!r}, expected one of '
            f'{", ".join(FORMATS)}'
        )


def write(comparison: Comparison, tables: Sequence[Table], path: Path) -> None:
    """Write a comparison in the format of the file's suffix."""
    AtomicBackend().put_text(_WRITERS[path.suffix](comparison, tables), path)


def write_between(path: Path, name: str, text: str) -> None:
    """Replace the text between a name's marks in a file, or write a new file."""
    head, tail = around_marks(path, name)
    AtomicBackend().put_text(f'{head}\n\n{text.strip()}\n\n{tail}', path)


def around_marks(path: Path, name: str) -> tuple[str, str]:
    """Split a file into the texts up to a name's first mark and from its second.

    Raises:
        ValueError: If the file has no such marks; a file need not exist.
    """
    begin, end = f'<!-- {name}: begin -->', f'<!-- {name}: end -->'
    text = path.read_text() if path.is_file() else f'{begin}\n{end}\n'
    head, opened, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (opened and closed):
        raise ValueError(
            f'{path}: expected the marks {begin} and {end} around the table'
        )
    return head + begin, end + tail


def _marked(cell: Cell, quote: Callable[[str], str], start: str, end: str) -> str:
    text = quote(cell.text)
    return f'{start}{text}{end}' if cell.best else text


def _escape_markdown(text: str) -> str:
    return text.replace('|', r'\|')


def _escape_latex(text: str) -> str:
    return text.translate(_LATEX)
