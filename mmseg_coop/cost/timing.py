"""Time calls that run in turn, under the same load of the machine."""

import time
from collections.abc import Callable, Mapping


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
            times[name].append(seconds(calls[name]))
    return times


def seconds(call: Callable[[], object]) -> float:
    """Time a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
