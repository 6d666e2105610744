"""Mixed precision where MMEngine has none: bfloat16, on the CPU too."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmengine.runner.amp import autocast
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Train under bfloat16 autocast, on the CPU or a GPU.

    MMEngine's ``AmpOptimWrapper`` needs a GPU. bfloat16 has the exponents of
    float32, so that losses need no scaling. Weights, their gradients and the
    optimizer stay in float32; validation and test run in float32, as with MMEngine's.

    Args:
        As those of ``OptimWrapper``, gradient accumulation and clipping included.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward of a training step under autocast."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield
