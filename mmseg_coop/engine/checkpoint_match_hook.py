"""Compare a checkpoint with the model of the config before it is loaded."""

import logging
import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop
from mmseg.registry import HOOKS
from torch import Tensor, nn

from ..models import CooperativeEncoderDecoder
from ..models.checkpoint_weights import check_state_dict, overlap, weights_of
from ..unwrap import unwrap
from ..wording import first_of

# Keys of a checkpoint that resuming reads.
_STATE = ('meta', 'message_hub', 'optimizer')
# Iterations that the warm-up of a loss between networks has counted.
_WARMUP = re.compile(r'cooperation_losses\..*\.iters')


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Stop when a checkpoint does not belong to the model of the config.

    MMEngine only warns, and continues with random weights for what does not fit. A test
    and ``--resume`` need all weights. Training that starts from ``load_from`` may
    take a part of them, as for fine-tuning, and says which; it stops if none fits. The
    warm-up of losses between networks begins again then.

    ``--resume`` continues with the optimizer and schedule of the checkpoint, as in
    MMEngine; where the config has others, a warning says so.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare keys and shapes before the weights are loaded.

        Raises:
            ValueError: If they differ, or training can't continue from it.
        """
        state_dict = checkpoint.get('state_dict', checkpoint)
        model = unwrap(runner.model)
        # MMEngine keeps these three private, and calls before_train and before_test
        # only after this; runner.train_loop would build the loop in a test, too.
        source = runner._load_from or f'the latest checkpoint in {runner.work_dir}'
        if isinstance(runner._train_loop, BaseLoop) and not runner._resume:
            _check_start(model, state_dict, source)
            for key, value in weights_of(checkpoint).items():
                if _WARMUP.fullmatch(key):
                    value.zero_()
            return
        check_state_dict(model, state_dict, str(source))
        missing = [key for key in _STATE if key not in checkpoint]
        if runner._resume and missing:
            raise ValueError(
                f'{source}: has no {", ".join(missing)} of a training run, expected a '
                'checkpoint that training wrote; leave out --resume to start from its '
                'weights'
            )
        # A validation or test builds none; several have settings of their own.
        wrapper = runner.optim_wrapper
        several = isinstance(wrapper, OptimWrapperDict)
        if runner._resume and isinstance(wrapper, OptimWrapper) and not several:
            _warn_of_changes(runner, checkpoint, source)


def _warn_of_changes(runner: Runner, checkpoint: dict, source: str) -> None:
    """Log what the config has changed, and resuming takes from the checkpoint."""
    theirs = _settings(
        checkpoint['optimizer'].get('param_groups', ()),
        checkpoint.get('param_schedulers') or (),
    )
    schedulers = [scheduler.state_dict() for scheduler in runner.param_schedulers or ()]
    ours = _settings(runner.optim_wrapper.param_groups, schedulers)
    changed = []
    for key, own in ours.items():
        # Where only one has a schedule, that of the config counts.
        pairs = zip_longest(theirs[key], own) if theirs[key] and own else ()
        unlike = next(((a, b) for a, b in pairs if a != b), None)
        if unlike:
            changed.append(f'{key} {unlike[0]} (config: {unlike[1]})')
    if changed:
        print_log(
            f'--resume: {source}: optimizer and schedule are those of the checkpoint: '
            f'{", ".join(changed)}; to train with those of the config, start from its '
            'weights with load_from, without --resume',
            'current',
            logging.WARNING,
        )


def _settings(groups: Sequence[dict], schedulers: Sequence[dict]) -> dict[str, list]:
    """Settings of each parameter group, and of each scheduler.

    A scheduler keeps the initial value of what it changes.
    """
    found = {
        f'optim_wrapper.optimizer.{key}': [
            group.get(f'initial_{key}', group.get(key)) for group in groups
        ]
        for key in ('lr', 'weight_decay')
    }
    ends = [(scheduler['begin'], scheduler['end']) for scheduler in schedulers]
    return {**found, 'begin and end of param_scheduler': ends}


def _check_start(
    model: nn.Module, state_dict: Mapping[str, Tensor], source: str
) -> None:
    """Check the checkpoint that training starts from, and log what does not fit.

    Raises:
        ValueError: If no weight fits.
    """
    found = overlap(model, state_dict)
    if not found.any_fits:
        raise ValueError(
            f'load_from: {source}: none of its {len(state_dict)} weights fits the '
            f'{type(model).__name__} of the config: found '
            f'{first_of((found.unexpected or found.shapes)[:1])}, expected one as '
            f'{next(iter(model.state_dict()))}; {_advice(model, state_dict, source)}'
        )
    left = found.missing + found.shapes
    if left or found.unexpected:
        print_log(
            f'load_from: {source}: {len(found.fit)} of {len(found.fit) + len(left)} '
            f'weights are loaded; left at their start: {first_of(left) or "none"}; of '
            f'no use here: {first_of(found.unexpected) or "none"}',
            'current',
            logging.WARNING,
        )


def _advice(model: nn.Module, state_dict: Mapping[str, Tensor], source: str) -> str:
    networks = model.networks if isinstance(model, CooperativeEncoderDecoder) else {}
    fit = [name for name in networks if overlap(networks[name], state_dict).fit]
    if fit:
        files = ', '.join(repr(str(source)) for _ in networks)
        return (
            f'they fit the network {fit[0]}: for networks that start from checkpoints '
            f'of their own, set model.networks_init=[{files}] in place of load_from'
        )
    return 'use a checkpoint of this config, or leave out load_from'
