"""Mixed precision in bfloat16, which MMEngine lacks on the CPU."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner.amp import autocast
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn
from torch.optim import Optimizer

from ..cpu import cpu_has_bfloat16


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Train under bfloat16 autocast, on the CPU or a GPU.

    MMEngine's ``AmpOptimWrapper`` needs a GPU. bfloat16 has the range of float32, so
    that losses need no scaling. Weights, their gradients and the optimizer stay in
    float32; validation and test run in float32, as with MMEngine's wrapper.

    Its arguments are those of ``OptimWrapper``, gradient accumulation and clipping
    included.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Run the forward of a training step under autocast."""
        with super().optim_context(model), autocast(dtype=torch.bfloat16):
            yield


@OPTIM_WRAPPERS.register_module(name='AutoAmpOptimWrapper')
def auto_amp(
    optimizer: Optimizer, accumulative_counts: int = 1, clip_grad: dict | None = None
) -> OptimWrapper:
    """Choose the mixed precision that the machine supports, for ``--amp``.

    On a GPU it is MMEngine's ``AmpOptimWrapper`` (float16 with dynamic loss scaling),
    on a CPU with bfloat16 ``BFloat16OptimWrapper``. Other CPUs compute in bfloat16 many
    times more slowly, and use float32. Its arguments are those of ``OptimWrapper``.
    """
    if get_device() != 'cpu':
        kind = AmpOptimWrapper
    elif cpu_has_bfloat16():
        kind = BFloat16OptimWrapper
    else:
        print_log(
            'This CPU has no arithmetic in bfloat16: training in float32.', 'current'
        )
        kind = OptimWrapper
    return kind(
        optimizer=optimizer,
        accumulative_counts=accumulative_counts,
        clip_grad=clip_grad,
    )
