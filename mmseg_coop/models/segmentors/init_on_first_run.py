"""Initial weights of a model that nobody has initialised before its first run."""

from typing import Any

import torch
from mmengine.model import BaseModule
from torch import nn


class InitialWeights:
    """Have a model call its ``init_weights`` in its first run, if nothing else did.

    MMEngine's Runner initialises a model before it trains it. MMSegmentation's
    ``init_model`` without a checkpoint does not, and would leave out the checkpoints
    that the config names (``missing``). Copies of the model have copies of this.
    """

    def __init__(self, model: BaseModule, missing: bool):
        self.missing = missing
        for module in model.modules() if missing else ():
            module.register_load_state_dict_post_hook(self.note_loaded)

    def note_loaded(self, module: nn.Module, incompatible_keys: Any) -> None:
        """Note that weights were loaded; whoever loads checks which."""
        self.missing = False

    def ensure(self, model: BaseModule) -> None:
        """Initialise the model before a run, if nothing else did."""
        # FLOPs are counted on the meta device, which has no values.
        if not self.missing or model.is_init or next(model.parameters()).is_meta:
            return
        if torch.compiler.is_compiling():
            raise RuntimeError(
                "the model's init (networks_init) has not been loaded; call "
                'model.init_weights() before it is compiled or exported'
            )
        self.missing = False
        model.init_weights()
