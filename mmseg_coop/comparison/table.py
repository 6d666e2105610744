"""A table of a comparison: cells in rows, with a title and notes."""

from dataclasses import dataclass, replace
from math import isnan

from .comparison import Comparison, Method

# Longer texts may be broken, at spaces.
_LINE = 14
_BORDERS = 3
NOT_TRAINED = '‡'
RECOMBINED = (
    f'{NOT_TRAINED} not trained: recombines the networks of runs that were trained for '
    'other rows'
)


@dataclass(frozen=True)
class Cell:
    """A value and how it is shown.

    Attributes:
        text: The text that is shown.
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

    def upright(self) -> 'Table':
        """Transpose it if that gives fewer columns."""
        return self.transposed() if len(self.rows) < len(self.columns) else self

    def parts(self, width: int) -> 'list[Table]':
        """The same rows in several tables, as many columns in each as fit.

        Args:
            width: In characters; each table has at least one column beside the first.
        """
        widths = [self._width(i) for i in range(len(self.columns))]
        parts: list[list[int]] = []
        for i in range(1, len(self.columns)):
            if not parts or widths[0] + sum(widths[j] for j in parts[-1] + [i]) > width:
                parts.append([])
            parts[-1].append(i)
        return [self._with_columns([0, *part]) for part in parts]

    def _width(self, column: int) -> int:
        """Characters that a column needs with its borders; long texts are broken."""
        texts = [self.columns[column], *(row[column].text for row in self.rows)]
        words = max(len(word) for text in texts for word in [*text.split(), ''])
        return max(words, min(max(map(len, texts)), _LINE)) + _BORDERS

    def _with_columns(self, places: list[int]) -> 'Table':
        columns = [self.columns[i] for i in places]
        return replace(
            self, columns=columns, rows=[[row[i] for i in places] for row in self.rows]
        )


def text_cell(text: str) -> Cell:
    """A cell that is only text."""
    return Cell(text, text)


def number_cell(value: float | None, best: bool = False) -> Cell:
    """A number with two decimals; a dash if there is none."""
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
