"""Handle signals to stop in a run and in the workers of its loaders."""

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
# Within this time a second signal is the first one, passed on by a launcher.
_SAME_SECONDS = 2.0


class StopRequest:
    """Record a signal to stop; a second, later one has its usual effect at once."""

    def __init__(self):
        self.signal: signal.Signals | None = None
        self._time = 0.0
        self._before: dict = {}

    def __enter__(self) -> 'StopRequest':
        """Handle SIGTERM, SIGINT (Ctrl-C) and SIGUSR1 (SLURM's usual warning)."""
        # Python allows handlers in the main thread only.
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in _SIGNALS:
            # A process in the background keeps ignoring Ctrl-C.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_) -> None:
        """Restore the former handlers."""
        for number, handler in self._before.items():
            # Of a handler that Python has not set it knows nothing.
            signal.signal(number, handler or signal.SIG_DFL)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = signal.Signals(number)
            self._time = time.monotonic()
        elif time.monotonic() > self._time + _SAME_SECONDS:
            self.__exit__()
            os.kill(os.getpid(), number)


def init_worker(init: Callable | None, worker_id: int) -> None:
    """Make a worker of a loader ignore signals to stop, except its main process's."""
    # macOS and Windows don't have it.
    if hasattr(signal, 'sigwaitinfo'):
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        threading.Thread(target=_obey, args=(os.getppid(),), daemon=True).start()
    if init is not None:
        init(worker_id)


def _obey(main_process: int) -> None:
    """End a worker at a signal from its main process only."""
    while signal.sigwaitinfo(_SIGNALS).si_pid != main_process:
        pass
    os._exit(0)
