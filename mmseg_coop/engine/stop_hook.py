"""Leave with a checkpoint when the process is told to stop."""

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

import torch
from mmengine.dist import all_reduce, barrier
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from .checkpoint_hook import SafeCheckpointHook

# "A temporary failure; the user is invited to retry", sysexits.h.
STOPPED = 75
_SIGNALS = [
    getattr(signal, name)
    for name in ('SIGTERM', 'SIGINT', 'SIGUSR1')
    if hasattr(signal, name)
]
# Launchers pass on, within moments, what the process has got already.
_SAME_SECONDS = 2.0


class StopRequest:
    """Notes a signal to stop; another one, later, has its usual effect at once."""

    def __init__(self):
        self.signal: signal.Signals | None = None
        self._time = 0.0
        self._before: dict = {}

    def install(self) -> None:
        """Listen to SIGTERM, SIGINT (Ctrl-C) and SIGUSR1 (SLURM's usual warning)."""
        # Python allows it in the main thread only.
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            # A process in the background ignores Ctrl-C, and goes on to do so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)

    def uninstall(self) -> None:
        """Give signals back their former effects."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = signal.Signals(number)
            self._time = time.monotonic()
        elif time.monotonic() > self._time + _SAME_SECONDS:
            self.uninstall()
            os.kill(os.getpid(), number)


@HOOKS.register_module()
class StopHook(Hook):
    """On SIGTERM, SIGINT or SIGUSR1 save a checkpoint and leave with exit code 75.

    The iteration is finished first, and with gradient accumulation those up to the
    optimizer's next step; a validation is left at its next batch. All processes of a
    distributed run leave together, whichever of them got the signal. A second signal
    ends the process at once.

    It needs a ``SafeCheckpointHook`` that counts iterations. Without one the run leaves
    in the same way, and what is saved is what has been saved before.
    """

    priority = 'LOWEST'

    def __init__(self):
        self.request = StopRequest()
        self._val_batches = 0

    def before_train(self, runner: Runner) -> None:
        """Listen, and have loader workers survive the signal: they get it, too."""
        for loop in (runner.train_loop, runner.val_loop):
            if loop is not None:
                loader = loop.dataloader
                loader.worker_init_fn = partial(_init_worker, loader.worker_init_fn)
        self.request.install()

    def after_train(self, runner: Runner) -> None:
        """Listen no longer."""
        self.request.uninstall()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Stop if told to, where no gradients are pending."""
        if _any_process(self.request) and runner.optim_wrapper.should_update():
            self._stop(runner, runner.iter + 1)

    def before_val_epoch(self, runner: Runner) -> None:
        """Find out for how many batches all processes are in step."""
        batches = torch.tensor(len(runner.val_loop.dataloader))
        all_reduce(batches, 'min')
        self._val_batches = int(batches)

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: list | None = None,
    ) -> None:
        """Stop if told to."""
        if batch_idx < self._val_batches and _any_process(self.request):
            for hook in runner.hooks:
                if isinstance(hook, EMAHook):
                    # It has lent its weights to the validation.
                    hook.after_val_epoch(runner)
            self._stop(runner, runner.iter)

    def _stop(self, runner: Runner, iters: int) -> None:
        saved = 'no checkpoint was saved'
        for hook in runner.hooks:
            if isinstance(hook, SafeCheckpointHook) and not hook.by_epoch:
                saved = f'saved {hook.save_now(runner, iters)}'
        # Launchers end the others when the first one leaves.
        barrier()
        self.request.uninstall()
        name = self.request.signal.name if self.request.signal else 'another process'
        runner.logger.info(
            f'Stopped by {name} after iteration {iters}: {saved}; --resume goes on'
        )
        runner.call_hook('after_run')
        raise SystemExit(STOPPED)


def _any_process(request: StopRequest) -> bool:
    """Whether any process has been told to stop."""
    flag = torch.tensor(int(request.signal is not None))
    all_reduce(flag, 'max')
    return bool(flag)


def _init_worker(init: Callable | None, worker_id: int) -> None:
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
