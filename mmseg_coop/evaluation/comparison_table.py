"""Results of several methods side by side."""

import math
from collections.abc import Mapping, Sequence

from rich.table import Table


def comparison(
    results: Mapping[str, Mapping[str, float]],
) -> tuple[list[str], list[list[str]]]:
    """Methods in columns; mIoU, its gain over the first method, and classes in rows.

    Args:
        results: The values of each method by name, in percent. The first value, the
            mean, is compared with that of the first method.

    Returns:
        The header and the rows as text; the best value of a row between ``**``.
    """
    methods = list(results)
    names = list(results[methods[0]])
    mean = names[0]
    first = results[methods[0]][mean]
    rows = [_row(name, [results[method][name] for method in methods]) for name in names]
    gains = [f'{results[method][mean] - first:+.1f}' for method in methods[1:]]
    rows.insert(1, [f'gain over {methods[0]}', '', *gains])
    return ['', *methods], rows


def rich_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table for the terminal."""
    table = Table(title='IoU in percent on the validation set')
    for i, name in enumerate(header):
        table.add_column(name, justify='right' if i else 'left')
    for row in rows:
        table.add_row(*map(_bold, row))
    return table


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same as Markdown."""
    lines = [header, ['---'] + ['--:'] * (len(header) - 1), *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines) + '\n'


def _row(name: str, values: Sequence[float]) -> list[str]:
    best = max((v for v in values if not math.isnan(v)), default=None)
    return [name, *(_cell(value, best) for value in values)]


def _cell(value: float, best: float | None) -> str:
    if math.isnan(value):
        return '-'
    return f'**{value:.1f}**' if value == best else f'{value:.1f}'


def _bold(cell: str) -> str:
    return f'[bold]{cell[2:-2]}[/bold]' if cell.startswith('**') else cell
