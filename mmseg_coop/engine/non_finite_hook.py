"""Stop at a loss or gradient that is not finite, or skip the iteration."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, barrier
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ..models.expect import expect, is_count
from ..quiet import quiet_loggers
from .checkpoint_hook import save_now
from .diagnose_non_finite import diagnose, not_finite_gradients

_POLICIES = ('stop', 'skip')


class NonFiniteError(ValueError):
    """A loss or gradient of a training run is not finite."""


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Check the loss and the gradients between backward and the optimizer's step.

    If one is not finite, the step is left out and the running statistics of the forward
    are restored, so that the model is as it was before the iteration.

    - ``stop``: saves that state as a checkpoint and raises ``NonFiniteError``, which
      names the iteration, the loss or gradients, the first module whose feature map is
      not finite, and the files of the batch. ``--resume`` continues from the
      checkpoint; older ones stay, in case the weights are lost. In training that counts
      epochs it continues from the last epoch.
    - ``skip``: continues with the next iteration. Weights, running statistics and the
      optimizer's state stay as they are; gradients accumulated so far are dropped; the
      iteration is counted and not logged.

    The loss is that given to ``update_params`` or ``backward`` of the optimizer
    wrapper. With ``AmpOptimWrapper`` nothing else is checked: its scaler skips
    gradients that overflow in float16. All processes of a distributed run decide alike.
    Of several steps in one iteration, as in a model's own ``train_step``, those after a
    bad one are left out, too; those before it can't be undone.

    Args:
        policy: ``stop`` or ``skip``.
        max_consecutive: Number of such iterations in a row at which ``skip`` stops,
            too: a run whose weights are lost does not recover.

    Raises:
        ValueError: If an argument is out of its range.
    """

    # Before everything that logs or averages.
    priority = 'HIGHEST'

    def __init__(self, policy: str = 'stop', max_consecutive: int = 10):
        expected = f'one of {", ".join(_POLICIES)}'
        expect('NonFiniteHook.policy', policy, policy in _POLICIES, expected)
        valid = is_count(max_consecutive)
        expect('NonFiniteHook.max_consecutive', max_consecutive, valid, '1 or more')
        self.policy = policy
        self.max_consecutive = max_consecutive
        self._consecutive = 0

    def check(self, wrapper: object) -> None:
        """Check that there is one optimizer.

        With several, one may have made its step when another's loss turns out not to be
        finite, and that step can't be undone.

        Raises:
            ValueError: If there are several.
        """
        single = isinstance(wrapper, OptimWrapper)
        if not single or isinstance(wrapper, OptimWrapperDict):
            raise ValueError(
                f'optim_wrapper: found {type(wrapper).__name__}, expected one '
                'OptimWrapper, whose step NonFiniteHook can hold back; leave the hook '
                'out with default_hooks.non_finite=None'
            )

    def before_train(self, runner: Runner) -> None:
        """Wrap the optimizer wrapper; MMEngine calls no hook before its step."""
        self.check(runner.optim_wrapper)
        self._finite, self._loss_is_finite = None, True
        self._before: dict[str, Tensor] = {}
        wrapper = runner.optim_wrapper
        step = wrapper.step

        def note_loss(pass_on: Callable) -> Callable:
            def noted(loss: Tensor, *args, **kwargs) -> None:
                self._note(loss)
                pass_on(loss, *args, **kwargs)

            return noted

        def step_if_finite(**kwargs) -> None:
            if self._finite is not False:
                self._decide(runner)
            if self._finite:
                step(**kwargs)

        # A model gives its loss to one of these. The first calls the second, but not in
        # every user's wrapper.
        wrapper.update_params = note_loss(wrapper.update_params)
        wrapper.backward = note_loss(wrapper.backward)
        wrapper.step = step_if_finite

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Copy running statistics, which the forward changes."""
        self._finite, self._loss_is_finite = None, True
        # As they are now: MMSegmentation's EMAHead replaces one.
        buffers = dict(runner.model.named_buffers())
        if _shapes(buffers) != _shapes(self._before):
            self._before = {n: torch.empty_like(x) for n, x in buffers.items()}
        _copy(self._before, buffers)

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: dict | None = None,
    ) -> None:
        """Stop, or undo the iteration.

        Raises:
            NonFiniteError: By the policy, or after too many iterations in a row.
        """
        # Not decided yet where gradients are accumulated, and no step was due.
        if self._finite is None:
            self._decide(runner)
        if self._finite:
            self._consecutive = 0
            return
        # None of a model's own train_step that returns nothing.
        losses = {} if outputs is None else outputs
        found = diagnose(
            runner, losses, self._loss_is_finite, self._gradients, data_batch
        )
        # Of the process whose own batch is at fault.
        _, message = max(all_gather_object(found))
        _copy(dict(runner.model.named_buffers()), self._before)
        runner.optim_wrapper.zero_grad()
        self._consecutive += 1
        if self.policy == 'stop' or self._consecutive >= self.max_consecutive:
            self._stop(runner, message)
        # Only iterations that made a step are logged.
        losses.clear()
        print_log(f'Skipped {message}', 'current', logging.WARNING)

    def after_train(self, runner: Runner) -> None:
        """Stop checking."""
        wrapper = runner.optim_wrapper
        del wrapper.update_params, wrapper.backward, wrapper.step

    def _note(self, loss: Tensor) -> None:
        self._loss_is_finite = loss.detach().isfinite().all() & self._loss_is_finite

    def _decide(self, runner: Runner) -> None:
        """Decide for all processes whether the iteration is finite in each of them."""
        self._gradients = not_finite_gradients(runner)
        # An infinite loss may have finite gradients, as of a constant.
        self._loss_is_finite = bool(self._loss_is_finite)
        in_all = torch.tensor(int(self._loss_is_finite and not self._gradients))
        all_reduce(in_all, 'min')
        self._finite = bool(in_all)

    def _stop(self, runner: Runner, message: str) -> None:
        wrapper = runner.optim_wrapper
        # The gradients of this iteration are no longer pending; MMEngine would say what
        # it says when training is resumed.
        with quiet_loggers(runner.logger):
            wrapper.initialize_count_status(runner.model, runner.iter, runner.max_iters)
        # The state after the previous iteration, and its number.
        path = save_now(runner, runner.iter, keep_older=True)
        if path is None:
            name = f'iter_{runner.iter}.pth'
            path = f'{runner.work_dir}/{name}'
            meta = dict(epoch=runner.epoch, iter=runner.iter)
            runner.save_checkpoint(runner.work_dir, name, meta=meta)
        # When one process ends, the launcher ends the others: wait for the checkpoint.
        barrier()
        run = f' ({self._consecutive} in a row)' if self._consecutive > 1 else ''
        raise NonFiniteError(
            f'{message}{run}; the state before it is saved as {path}. Look at these '
            'files, clip gradients, or start from it with a lower learning rate '
            '(load_from; --resume keeps the rate): without a change, --resume ends '
            "here again; NonFiniteHook's policy='skip' leaves such iterations out"
        )


def _copy(to: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
    """Copy the buffers of both that have the same shape."""
    shapes = _shapes(source)
    fit = [name for name, shape in _shapes(to).items() if shapes.get(name) == shape]
    # A model without batch norm may have none.
    if fit:
        torch._foreach_copy_([to[name] for name in fit], [source[name] for name in fit])


def _shapes(buffers: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(buffer.shape) for name, buffer in buffers.items()}
