"""A measurement of MMSegmentation's code and of this project's, and their ratio."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from mmseg_coop.cost.timing import seconds_in_turn


@dataclass(frozen=True)
class Measurement:
    """Two values, and the ratio of ours to MMSegmentation's; the lower the better.

    Attributes:
        what: Description of the measurement.
        against: Description of the baseline.
        unit: Unit of ``host`` and ``ours``.
        host: Value of MMSegmentation's code.
        ours: Value of this project's code.
        limit: The ratio to reach; None for information only.
        turns: Lowest, median and highest ratio of single turns; for times only.
        note: Text below the table.
    """

    what: str
    against: str
    unit: str
    host: float
    ours: float
    limit: float | None = None
    turns: list[float] | None = None
    note: str = ''

    @property
    def ratio(self) -> float:
        """Ours over MMSegmentation's."""
        return self.ours / self.host

    def cells(self) -> list[str]:
        """Cells of the table."""
        if self.turns is None:
            ratio = f'{self.ratio:.3f}'
        else:
            low, middle, high = self.turns
            ratio = f'{self.ratio:.2f} (in turn {middle:.2f}, {low:.2f} to {high:.2f})'
        target, reached = '–', '–'
        if self.limit is not None:
            target = f'≤ {self.limit:.3g}'
            reached = 'yes' if self.ratio <= self.limit else '**no**'
        values = (f'{_number(x)} {self.unit}' for x in (self.host, self.ours))
        return [self.what, self.against, *values, ratio, target, reached]

    def __str__(self) -> str:
        return ' | '.join(self.cells())


def timed(
    what: str,
    against: str,
    times: Mapping[str, list[float]],
    limit: float | None = None,
    note: str = '',
) -> Measurement:
    """Compare the medians of ``times``: seconds of ``host`` and ``ours``, by turn."""
    host, ours = times['host'], times['ours']
    ratios = [b / a for a, b in zip(host, ours, strict=True)]
    turns = [min(ratios), median(ratios), max(ratios)]
    return Measurement(
        what, against, 's', median(host), median(ours), limit, turns, note
    )


def in_turn(
    host: Callable[[], object], ours: Callable[[], object], quick: bool
) -> dict[str, list[float]]:
    """Run two calls in turn, and return the seconds of each."""
    return seconds_in_turn(dict(host=host, ours=ours), turns(quick))


def turns(quick: bool) -> int:
    """Number of times that two sides are timed in turn."""
    return 1 if quick else 5


def _number(value: float) -> str:
    return f'{value:,.0f}' if abs(value) >= 100 else f'{value:.3g}'
