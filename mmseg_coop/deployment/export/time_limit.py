"""Limit of the time that recording a graph may take."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End what runs inside after so many seconds.

    Only Python code is ended, and only on the main thread of a system with alarms;
    elsewhere there is no limit.

    Raises:
        TimeoutError: If it has not ended before.
    """
    if (
        not hasattr(signal, 'SIGALRM')
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def end(*_: Any) -> None:
        raise TimeoutError(f'not done within {seconds:g} s')

    before = signal.signal(signal.SIGALRM, end)
    # Again every second: what runs may have caught the first one.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
