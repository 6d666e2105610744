"""A table of a comparison: cells in rows, with a title and notes."""

from dataclasses import dataclass, replace
from math import isnan

from .comparison import Comparison, Method

# Width up to which texts are not wrapped.
_LINE = 14
_BORDERS = 3
NOT_TRAINED = '‡'
RECOMBINED = (
    f'{NOT_TRAINED} not trained: recombines the networks of runs that were trained for '
    'other rows'
)


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: The text that is shown.
        value: The unrounded number, or the text.
        best: Whether it is the best value of its column.
    """

    text: str
    value: float | str | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells.

    Attributes:
        title: Title above the table.
        columns: Names of the columns.
        rows: The cells of each row, as many as there are columns.
        notes: Lines below the table.
    """

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    notes: tuple[str, ...] = ()

    def upright(self) -> 'Table':
        """Swap rows and columns if that gives fewer columns."""
        if len(self.rows) >= len(self.columns):
            return self
        columns = [self.columns[0], *(row[0].text for row in self.rows)]
        rows = [
            [text_cell(name), *(row[i] for row in self.rows)]
            for i, name in enumerate(self.columns)
            if i
        ]
        return replace(self, columns=columns, rows=rows)

    def parts(self, width: int) -> 'list[Table]':
        """Split the columns into tables that fit a width.

        Args:
            width: Width in characters; each table has at least two columns.
        """
        widths = [self._width(i) for i in range(len(self.columns))]
        parts: list[list[int]] = []
        for i in range(1, len(self.columns)):
            if not parts or widths[0] + sum(widths[j] for j in parts[-1] + [i]) > width:
                parts.append([])
            parts[-1].append(i)
        return [self._with_columns([0, *part]) for part in parts]

    def _width(self, column: int) -> int:
        """Compute the width of a column with borders; long texts are wrapped."""
        texts = [self.columns[column], *(row[column].text for row in self.rows)]
        words = max(len(word) for text in texts for word in [*text.split(), ''])
        return max(words, min(max(map(len, texts)), _LINE)) + _BORDERS

    def _with_columns(self, places: list[int]) -> 'Table':
        columns = [self.columns[i] for i in places]
        return replace(
            self, columns=columns, rows=[[row[i] for i in places] for row in self.rows]
        )


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
    mark = '' if method.trained else f' {NOT_TRAINED}'
    return text_cell(f'{method.label}{mark}')


def recombined(comparison: Comparison) -> list[str]:
    """Note that explains the mark of methods that were not trained, if any."""
    trained = all(method.trained for method in comparison.methods)
    return [] if trained else [RECOMBINED]
