"""Signals to stop, and the processes that obey them."""

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType

_SIGNALS = [
    getattr(signal, name)
    for name in ('SIGTERM', 'SIGINT', 'SIGUSR1')
    if hasattr(signal, name)
]
# Launchers pass on, within moments, what the process has got already.
_SAME_SECONDS = 2.0


class StopRequest:
    """Note a signal to stop; a second one, later, has its usual effect at once."""

    def __init__(self):
        self.signal: signal.Signals | None = None
        self._time = 0.0
        self._before: dict = {}

    def __enter__(self) -> 'StopRequest':
        """Listen to SIGTERM, SIGINT (Ctrl-C) and SIGUSR1 (SLURM's usual warning)."""
        # Python allows it in the main thread only.
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in _SIGNALS:
            # A process in the background ignores Ctrl-C, and goes on to do so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                # None is a handler that is not Python's.
                before = signal.signal(number, self._note)
                self._before[number] = before or signal.SIG_DFL
        return self

    def __exit__(self, *_) -> None:
        """Give signals back their former effects."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = signal.Signals(number)
            self._time = time.monotonic()
        elif time.monotonic() > self._time + _SAME_SECONDS:
            self.__exit__()
            os.kill(os.getpid(), number)


def init_worker(init: Callable | None, worker_id: int) -> None:
    """Have a loader worker go on until its main process, or its end, stops it."""
    # macOS and Windows have none.
    if hasattr(signal, 'sigwaitinfo'):
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        threading.Thread(target=_obey, args=(os.getppid(),), daemon=True).start()
    if init is not None:
        init(worker_id)


def _obey(main_process: int) -> None:
    """End a worker when its main process sends a signal, and at nobody else's."""
    while signal.sigwaitinfo(_SIGNALS).si_pid != main_process:
        pass
    os._exit(0)
