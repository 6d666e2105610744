"""A table of a comparison: cells in rows, with a title and notes."""

from dataclasses import dataclass, replace
from math import isnan

from .comparison import Comparison, Method

_NOT_TRAINED = '‡'


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, the unrounded value, and if it is the best one."""

    text: str
    value: float | str | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells, as many in each as there are columns."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    notes: tuple[str, ...] = ()

    def upright(self) -> 'Table':
        """Swap rows and columns if that gives fewer columns."""
        if len(self.rows) >= len(self.columns):
            return self
        names = map(text_cell, self.columns)
        head, *rows = map(list, zip(names, *self.rows, strict=True))
        return replace(self, columns=[cell.text for cell in head], rows=rows)


def text_cell(text: str) -> Cell:
    """Make a cell of text."""
    return Cell(text, text)


def number_cell(value: float | None, best: bool = False) -> Cell:
    """Make a cell of a number with two decimals, or a dash for None and NaN."""
    if value is None or isnan(value):
        return Cell('-')
    return Cell(f'{value:.2f}', value, best)


def name_cell(method: Method) -> Cell:
    """Make a cell of a method's label, marked if it was not trained."""
    mark = '' if method.trained else f' {_NOT_TRAINED}'
    return text_cell(f'{method.label}{mark}')


def recombined(comparison: Comparison) -> list[str]:
    """Note that explains the mark of methods that were not trained, if any."""
    if all(method.trained for method in comparison.methods):
        return []
    return [
        f'{_NOT_TRAINED} not trained: recombines the networks of runs that were '
        'trained for other rows'
    ]
