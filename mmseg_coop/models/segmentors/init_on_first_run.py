"""Initial weights of a model that nobody has initialised before its first run."""

from typing import Any

import torch
from mmengine.model import BaseModule
from torch import nn


class InitialWeights:
    """Have a model call its ``init_weights`` in its first run, if nothing else did.

    MMEngine's Runner initialises a model before it trains it. MMSegmentation's
    ``init_model`` without a checkpoint does not, and would leave out the checkpoints
    that the model's config names. Copies of the model have copies of this.

    Args:
        model: A model whose children, or itself, may get weights in another way.
    """

    def __init__(self, model: BaseModule):
        self.loaded = False
        for module in model.modules():
            module.register_load_state_dict_post_hook(self.note_loaded)

    def note_loaded(self, module: nn.Module, incompatible_keys: Any) -> None:
        """Note that weights were loaded; whoever loads checks which."""
        self.loaded = True

    def ensure(self, model: BaseModule) -> None:
        """Initialise the model before a run, if nothing else did.

        Raises:
            RuntimeError: If a graph is recorded of a model without its weights.
        """
        if self.loaded or model.is_init or _has_no_values(model):
            return
        if torch.compiler.is_compiling():
            raise RuntimeError(
                "the model's init (networks_init) has not been loaded; call "
                'model.init_weights() before it is compiled or exported'
            )
        self.loaded = True
        model.init_weights()


def _has_no_values(model: nn.Module) -> bool:
    """Tell whether a model is on the meta device, where FLOPs are counted."""
    return next(model.parameters()).is_meta
