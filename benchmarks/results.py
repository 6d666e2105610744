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
class Figure:
    """A quantity of MMSegmentation's code and of this project's, and their ratio.

    Attributes:
        what: What is measured.
        against: What of MMSegmentation it is compared with.
        unit: Of ``host`` and ``ours``.
        host: MMSegmentation's.
        ours: This project's.
        limit: The ratio to reach; None for information only.
        at_least: The ratio has to reach the limit, instead of staying below it.
        pairs: Lowest, median and highest ratio of the runs in turn, of times only.
        note: What else to know.
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
    """A part of the benchmark that can be run on its own."""

    title: str
    measure: Callable[[Options], Iterable[Figure | Panel]]
