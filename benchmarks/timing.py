"""Times of two calls that run in turn, under the same load of the machine."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from mmseg_coop.cost.timing import seconds_in_turn

from .results import Measurement


@dataclass(frozen=True)
class Times:
    """Seconds of MMSegmentation's call and of ours, turn by turn."""

    host: list[float]
    ours: list[float]

    def duration(
        self, what: str, against: str, limit: float | None = None, note: str = ''
    ) -> Measurement:
        """Compare medians in seconds; the ratio should be at most the limit."""
        return Measurement(
            what,
            against,
            's',
            median(self.host),
            median(self.ours),
            limit,
            pairs=_spread([b / a for a, b in zip(self.host, self.ours, strict=True)]),
            note=note,
        )

    def speed(
        self,
        what: str,
        against: str,
        images: int,
        limit: float | None = None,
        note: str = '',
    ) -> Measurement:
        """Compare images per second; the ratio should be at least the limit."""
        return Measurement(
            what,
            against,
            'images/s',
            images / median(self.host),
            images / median(self.ours),
            limit,
            at_least=True,
            pairs=_spread([a / b for a, b in zip(self.host, self.ours, strict=True)]),
            note=note,
        )


def in_turn(
    host: Callable[[], object], ours: Callable[[], object], repeats: int
) -> Times:
    """Run two calls once to warm up, then repeatedly in turn."""
    return Times(**seconds_in_turn(dict(host=host, ours=ours), repeats))


def _spread(ratios: list[float]) -> tuple[float, float, float]:
    return min(ratios), median(ratios), max(ratios)
