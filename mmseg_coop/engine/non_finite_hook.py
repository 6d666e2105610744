"""Stop at a loss or gradient that is not finite, or skip the iteration."""

import logging
from operator import itemgetter
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, barrier, get_world_size
from mmengine.hooks import EMAHook, Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import Tensor

from ..models.expect import expect
from .diagnose_non_finite import diagnose

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
      not finite, and the files of the batch.
    - ``skip``: goes on with the next iteration. Weights, running statistics, the
      optimizer's state and the average of an ``EMAHook`` stay as they are; gradients
      accumulated so far are dropped; the iteration is counted and not logged.

    With ``AmpOptimWrapper`` only the loss is checked: its scaler skips gradients that
    overflow in float16. All processes of a distributed run decide alike.

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
        expect('non-finite hook: policy', policy, policy in _POLICIES, expected)
        right = max_consecutive >= 1
        expect('non-finite hook: max_consecutive', max_consecutive, right, '1 or more')
        self.policy = policy
        self.max_consecutive = max_consecutive
        self.skipped = 0
        self._consecutive = 0
        self._found = False

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
                f'non-finite hook: optim_wrapper: found {type(wrapper).__name__}, '
                'expected one OptimWrapper, whose step can be held back; leave the '
                'hook out with default_hooks.non_finite=None'
            )

    def before_train(self, runner: Runner) -> None:
        """Wrap methods of the optimizer wrapper until training ends.

        MMEngine calls no hook between backward and step.
        """
        self.check(runner.optim_wrapper)
        wrapper = runner.optim_wrapper
        backward, should_update = wrapper.backward, wrapper.should_update
        step = wrapper.step
        self._looked = False
        self._parameters = [p for p in runner.model.parameters() if p.requires_grad]
        self._buffers = list(runner.model.buffers())
        self._before = [buffer.clone() for buffer in self._buffers]

        def backward_and_look(loss: Tensor, **kwargs) -> None:
            backward(loss, **kwargs)
            self._looked = True
            scaled = hasattr(wrapper, 'loss_scaler')
            self._found = self._look([loss.detach()], scaled) or self._found

        def step_if_finite(**kwargs) -> None:
            # A custom train_step or optimizer wrapper has not called backward.
            if not self._looked:
                self._found = self._look([], scaled=False)
            self._looked = False
            if not self._found:
                step(**kwargs)

        wrapper.backward = backward_and_look
        wrapper.step = step_if_finite
        wrapper.should_update = lambda: not self._found and should_update()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Copy running statistics, which the forward changes."""
        _average_weights(runner, True)
        _copy(self._before, self._buffers)

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
        if not self._found:
            self._consecutive = 0
            return
        losses = dict(outputs)
        findings = all_gather_object(diagnose(runner, losses, data_batch))
        # Of the process whose own batch is at fault.
        _, message = max(findings, key=itemgetter(0))
        _copy(self._buffers, self._before)
        runner.optim_wrapper.zero_grad()
        self._found = False
        self._consecutive += 1
        if self.policy == 'stop' or self._consecutive >= self.max_consecutive:
            self._stop(runner, message)
        self.skipped += 1
        # Only iterations that made a step are logged and averaged.
        outputs.clear()
        _average_weights(runner, False)
        print_log(f'Skipped {message}', 'current', logging.WARNING)

    def after_train(self, runner: Runner) -> None:
        """Log how many iterations were skipped, and stop checking."""
        wrapper = runner.optim_wrapper
        del wrapper.backward, wrapper.step, wrapper.should_update
        if self.skipped:
            print_log(
                f'Skipped {self.skipped} iterations whose loss or gradient was not '
                'finite.',
                'current',
                logging.WARNING,
            )

    def _look(self, tensors: list[Tensor], scaled: bool) -> bool:
        """Tell whether a loss or a gradient is not finite, in any process."""
        if not scaled:
            tensors += [p.grad for p in self._parameters if p.grad is not None]
        # Norms are several times as fast as a check of each number; one that overflows
        # leads to that check.
        norms = torch.stack(torch._foreach_norm(tensors))
        return _in_any_process(norms) and any(
            [_in_any_process(tensor) for tensor in tensors]
        )

    def _stop(self, runner: Runner, message: str) -> None:
        name = f'iter_{runner.iter}.pth'
        # The state after the previous iteration, and its number.
        runner.save_checkpoint(
            runner.work_dir, name, meta=dict(epoch=runner.epoch, iter=runner.iter)
        )
        # When one process ends, the launcher ends the others: wait for the checkpoint.
        barrier()
        run = f' ({self._consecutive} in a row)' if self._consecutive > 1 else ''
        raise NonFiniteError(
            f'{message}{run}; the state before it is saved as '
            f'{runner.work_dir}/{name}. Look at these files, lower the learning rate '
            "or clip gradients; NonFiniteHook's policy='skip' leaves such iterations "
            'out'
        )


def _in_any_process(tensor: Tensor) -> bool:
    """Tell whether a loss or gradient of any process is not finite."""
    found = (~torch.isfinite(tensor).all()).float()
    if get_world_size() > 1:
        all_reduce(found, 'max')
    return bool(found)


def _copy(to: list[Tensor], source: list[Tensor]) -> None:
    # A model without batch norm may have none.
    if to:
        torch._foreach_copy_(to, source)


def _average_weights(runner: Runner, value: bool) -> None:
    """Switch the averaging of EMAHooks on or off; it is off for skipped iterations.

    EMAHook has no switch, and MMEngine calls it at every iteration.
    """
    for hook in runner.hooks:
        if isinstance(hook, EMAHook):
            if value:
                hook.ema_model.__dict__.pop('update_parameters', None)
            else:
                hook.ema_model.update_parameters = lambda model: None
