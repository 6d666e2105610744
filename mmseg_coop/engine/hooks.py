"""Hooks of MMEngine's Runner."""

from mmengine.hooks import Hook
from mmengine.model import BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from .checkpoint import check_state_dict


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
        if runner._resume and 'message_hub' not in checkpoint:
            raise ValueError(
                f'{source}: holds weights only, expected a checkpoint that training '
                'wrote; leave out --resume to start from its weights'
            )
