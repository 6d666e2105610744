"""Limit the time of recording a graph."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise an error after some seconds.

    It interrupts Python code only, in the main thread of a system with alarm signals;
    elsewhere there is no limit.

    Raises:
        TimeoutError: If the limit is reached.
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
    # Raised every second from then on: the first may be caught inside.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
