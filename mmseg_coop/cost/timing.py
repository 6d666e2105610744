"""Time calls that run in turn, under the same load of the machine."""

from collections.abc import Callable, Mapping
from timeit import timeit


def seconds_in_turn(
    calls: Mapping[str, Callable[[], object]], repeats: int
) -> dict[str, list[float]]:
    """Run calls once to warm up, then repeatedly in turn, and time each of these."""
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats):
        # The order alternates.
        for name in sorted(calls, reverse=turn % 2 == 1):
            times[name].append(timeit(calls[name], number=1))
    return times
