"""Hooks of MMEngine's Runner."""

from collections.abc import Callable, Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from ..models.weights import check_state_dict


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside of wrappers for distribution or test-time augmentation."""
    while is_model_wrapper(model) or isinstance(model, BaseTTAModel):
        model = model.module
    return model


@HOOKS.register_module()
class CheckpointMatchHook(Hook):
    """Stop when a checkpoint does not belong to the model of the config.

    MMEngine only warns, and goes on with random weights for what does not fit.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Compare keys and shapes before the weights are loaded.

        Raises:
            ValueError: If they differ, or training can't go on from it.
        """
        state_dict = checkpoint.get('state_dict', checkpoint)
        source = runner._load_from or f'the latest checkpoint in {runner.work_dir}'
        check_state_dict(unwrap(runner.model), state_dict, str(source))
        missing = [
            key for key, right in _STATE.items() if not right(checkpoint.get(key))
        ]
        if runner._resume and missing:
            raise ValueError(
                f'{source}: has no {", ".join(missing)} of a training, or a wrong one, '
                'expected a checkpoint that training wrote; leave out --resume to '
                'start from its weights'
            )


def _has(*names: str, kind: type = object) -> Callable[[Any], bool]:
    """Whether a value is a dict that has these names, of a kind."""
    return lambda value: (
        isinstance(value, Mapping)
        and all(isinstance(value.get(name), kind) for name in names)
    )


# What resuming needs, and what tells that it is there.
_STATE = {
    'meta': _has('epoch', 'iter', kind=int),
    'message_hub': _has('log_scalars', 'runtime_info', 'resumed_keys', kind=Mapping),
    'optimizer': _has(),
}
