"""A table of a comparison: cells in rows, with a title and notes."""

from dataclasses import dataclass, replace
from math import isnan

from .comparison import Comparison, Method

NOT_TRAINED = '‡'
RECOMBINED = (
    f'{NOT_TRAINED} not trained: recombines the networks of runs that were trained for '
    'other rows'
)


@dataclass(frozen=True)
class Cell:
    """A value and how it is shown.

    Attributes:
        text: What is shown.
        value: The number behind it, or the text.
        best: Whether it is the best of its kind.
    """

    text: str
    value: float | str | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        title: What the table shows.
        columns: Names of the columns.
        rows: The cells of each row, as many as there are columns.
        notes: Lines below the table.
    """

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    notes: tuple[str, ...] = ()

    def transposed(self) -> 'Table':
        """Methods in columns, for many classes on a narrow screen."""
        columns = [self.columns[0], *(row[0].text for row in self.rows)]
        rows = [
            [text_cell(name), *(row[i] for row in self.rows)]
            for i, name in enumerate(self.columns)
            if i
        ]
        return replace(self, columns=columns, rows=rows)


def text_cell(text: str) -> Cell:
    """A cell that is only text."""
    return Cell(text, text)


def number_cell(value: float | None, best: bool = False) -> Cell:
    """A number with two digits behind the point; a dash if there is none."""
    if value is None or isnan(value):
        return Cell('-')
    return Cell(f'{value:.2f}', value, best)


def name_cell(method: Method) -> Cell:
    """A method's label, marked if it was not trained."""
    mark = '' if method.trained else f' {NOT_TRAINED}'
    return text_cell(f'{method.label}{mark}')


def recombined(comparison: Comparison) -> list[str]:
    """The note that explains the mark, if a method has it."""
    trained = all(method.trained for method in comparison.methods)
    return [] if trained else [RECOMBINED]
