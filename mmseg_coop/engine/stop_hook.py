"""Save a checkpoint and exit on a signal to stop."""

from functools import partial
from signal import Signals

import torch
from mmengine.dist import all_reduce, barrier
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from .checkpoint_hook import SafeCheckpointHook, has_pending_gradients
from .stop_request import init_worker
from .train_loop import ResumableTrainLoop

# "A temporary failure; the user is invited to retry", sysexits.h.
STOPPED = 75


@HOOKS.register_module()
class StopHook(Hook):
    """Save a checkpoint on SIGTERM, SIGINT or SIGUSR1, and exit with code 75.

    The run first finishes the iteration, or with gradient accumulation those up to the
    optimizer's next step; a validation ends at its next batch. All processes of a
    distributed run stop together if one of them gets the signal. A second signal ends
    the process at once.

    It needs a ``ResumableTrainLoop``, which handles the signals, and a
    ``SafeCheckpointHook`` that counts iterations.
    """

    priority = 'LOWEST'

    def __init__(self):
        self._val_batches = 0

    def before_train(self, runner: Runner) -> None:
        """Make workers of the loaders ignore the signal, which they get, too."""
        if not isinstance(runner.train_loop, ResumableTrainLoop):
            print_log(
                f'StopHook: {type(runner.train_loop).__name__} does not listen to '
                'signals: one ends the run at once, and --resume goes on from the '
                'last checkpoint',
                'current',
            )
            return
        for loop in (runner.train_loop, runner.val_loop):
            if loop is not None:
                loader = loop.dataloader
                loader.worker_init_fn = partial(init_worker, loader.worker_init_fn)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Stop after a signal, when no gradients are pending."""
        if _told_to_stop(runner) and not has_pending_gradients(runner.optim_wrapper):
            self._stop(runner, runner.iter + 1)

    def before_val_epoch(self, runner: Runner) -> None:
        """Find the number of batches that every process has."""
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
        """Stop after a signal."""
        if batch_idx < self._val_batches and _told_to_stop(runner):
            for hook in runner.hooks:
                if isinstance(hook, EMAHook):
                    # A validation runs with the averaged weights: swap back.
                    hook.after_val_epoch(runner)
            self._stop(runner, runner.iter)

    def _stop(self, runner: Runner, iters: int) -> None:
        saved = 'no checkpoint was saved'
        for hook in runner.hooks:
            if isinstance(hook, SafeCheckpointHook) and not hook.by_epoch:
                saved = f'saved {hook.save_now(runner, iters)}'
        # When one process ends, the launcher ends the others.
        barrier()
        found = _signal(runner)
        name = found.name if found else 'another process'
        runner.logger.info(
            f'Stopped by {name} after iteration {iters}: {saved}; --resume goes on'
        )
        runner.call_hook('after_run')
        raise SystemExit(STOPPED)


def _told_to_stop(runner: Runner) -> bool:
    """Tell whether any process got a signal to stop."""
    flag = torch.tensor(int(_signal(runner) is not None))
    all_reduce(flag, 'max')
    return bool(flag)


def _signal(runner: Runner) -> Signals | None:
    """Get the signal to stop of this process, if it got one."""
    loop = runner.train_loop
    return loop.stop.signal if isinstance(loop, ResumableTrainLoop) else None
