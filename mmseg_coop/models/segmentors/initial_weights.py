"""Weights that a model starts from, where nobody asks for them."""

from typing import Any

from mmengine.model import BaseModule
from torch import nn


def initialize_when_run(model: BaseModule) -> None:
    """Have a model call its ``init_weights`` in its first run, if nothing else did.

    MMEngine's Runner initialises a model before it trains it. MMSegmentation's
    ``init_model`` without a checkpoint does not, and would leave the checkpoints out
    that the model's own config names.

    Args:
        model: A model whose children, or itself, may get weights in another way.
    """
    hook = _Initialize()
    for module in model.modules():
        module.register_load_state_dict_post_hook(hook.note_loaded)
    model.register_forward_pre_hook(hook)


class _Initialize:
    """Knows whether weights were loaded; copies of a model have copies of it."""

    def __init__(self):
        self.loaded = False

    def note_loaded(self, module: nn.Module, incompatible_keys: Any) -> None:
        """Something was loaded: what, is the caller's business."""
        self.loaded = True

    def __call__(self, model: BaseModule, args: tuple) -> None:
        """Before each run."""
        if not (self.loaded or model.is_init):
            self.loaded = True
            model.init_weights()
