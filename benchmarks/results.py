"""Results of a benchmark: a ratio against MMSegmentation, or how cost grows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Options of a measurement.

    Attributes:
        quick: Small networks and images, to see that everything runs.
        repeats: How often the two that are compared run in turn.
        camvid: Folder of CamVid; None for drawn scenes in its layout.
    """

    quick: bool = False
    repeats: int = 5
    camvid: str | None = None


@dataclass(frozen=True)
class Measurement:
    """A measurement of MMSegmentation's code and of this project's, and their ratio.

    Attributes:
        what: Description of the measurement.
        against: Description of the baseline.
        unit: Unit of ``host`` and ``ours``.
        host: Value of MMSegmentation's code.
        ours: Value of this project's code.
        limit: The ratio to reach; None for information only.
        at_least: Whether the ratio has to be at least the limit; otherwise at most.
        pairs: Lowest, median and highest ratio over the turns; for times only.
        note: Text below the table.
    """

    what: str
    against: str
    unit: str
    host: float
    ours: float
    limit: float | None = None
    at_least: bool = False
    pairs: tuple[float, float, float] | None = None
    note: str = ''

    @property
    def ratio(self) -> float:
        """Ours over MMSegmentation's."""
        return self.ours / self.host

    @property
    def met(self) -> bool | None:
        """Tell whether the ratio reaches its target; None if there is none."""
        if self.limit is None:
            return None
        return self.ratio >= self.limit if self.at_least else self.ratio <= self.limit


@dataclass(frozen=True)
class Line:
    """A line of a plot; ``theory`` is drawn dashed."""

    label: str
    x: list[float]
    y: list[float]
    theory: bool = False


@dataclass(frozen=True)
class Panel:
    """A plot of how a cost grows."""

    title: str
    x_label: str
    y_label: str
    lines: list[Line]


@dataclass(frozen=True)
class Row:
    """A row of the benchmark, which can be run alone."""

    title: str
    measure: Callable[[Options], Iterable[Measurement | Panel]]
