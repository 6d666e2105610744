"""Save a checkpoint and exit on a signal to stop."""

from functools import partial

import torch
from mmengine.dist import all_reduce, barrier
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmseg.registry import HOOKS

from .checkpoint_hook import has_pending_gradients, save_now
from .stop_request import init_worker
from .train_loop import ResumableTrainLoop

# "A temporary failure; the user is invited to retry", sysexits.h.
STOPPED = 75


@HOOKS.register_module()
class StopHook(Hook):
    """Save a checkpoint on SIGTERM, SIGINT or SIGUSR1, and exit with code 75.

    The run first finishes the iteration, or with gradient accumulation those up to the
    optimizer's next step; a validation is finished, too. All processes of a distributed
    run stop together if one of them gets the signal. A second signal ends the process
    at once.

    It needs a ``ResumableTrainLoop``, which handles the signals, and a checkpoint hook
    that counts iterations.
    """

    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        """Make workers of the loaders ignore the signals, which they get, too."""
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
        if not isinstance(runner.train_loop, ResumableTrainLoop):
            return
        found = runner.train_loop.stop.signal
        in_any_process = torch.tensor(int(found is not None))
        all_reduce(in_any_process, 'max')
        if not in_any_process or has_pending_gradients(runner.optim_wrapper):
            return
        iters = runner.iter + 1
        path = save_now(runner, iters)
        saved = f'saved {path}' if path else 'no checkpoint was saved'
        # When one process ends, the launcher ends the others.
        barrier()
        name = found.name if found else 'another process'
        runner.logger.info(
            f'Stopped by {name} after iteration {iters}: {saved}; --resume continues'
        )
        runner.call_hook('after_run')
        raise SystemExit(STOPPED)
