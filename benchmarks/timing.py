"""Times of two calls that run in turn, so that both see the same machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from .figure import Figure


@dataclass(frozen=True)
class Times:
    """Seconds of MMSegmentation's call and of ours, turn by turn."""

    host: list[float]
    ours: list[float]

    def figure(
        self, what: str, against: str, limit: float | None = None, note: str = ''
    ) -> Figure:
        """Medians in seconds; ours has to stay below the limit."""
        return Figure(
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
    ) -> Figure:
        """Images a second; ours has to reach the limit."""
        return Figure(
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
    """Run two calls once to warm up, then again and again in turn."""
    calls = dict(host=host, ours=ours)
    for call in calls.values():
        call()
    times = {name: [] for name in calls}
    for turn in range(repeats):
        # Neither always comes second.
        for name in sorted(calls, reverse=turn % 2 == 1):
            times[name].append(seconds(calls[name]))
    return Times(**times)


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _spread(ratios: list[float]) -> tuple[float, float, float]:
    return min(ratios), median(ratios), max(ratios)
