"""Compute activations again in the backward pass instead of keeping them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from mmseg.models.backbones import ResNet
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint

from .heads import auxiliary_heads, decode_heads


def recompute_networks(networks: Iterable[nn.Module]) -> None:
    """Let networks keep little more than the feature maps between their parts.

    Parts are a deep stem and the residual blocks of a ResNet (other backbones have
    options of their own), the modules of each head, and its losses, whose logits have
    the size of the image.
    """
    for network in networks:
        if isinstance(network.backbone, ResNet):
            recompute_modules(_resnet_parts(network.backbone))
        for head in (*decode_heads(network), *auxiliary_heads(network)):
            recompute_modules(parts_of_head(head))
            # NoHead has no loss.
            if hasattr(head, 'loss_by_feat'):
                head.loss_by_feat = _Recomputed(head.loss_by_feat, head)


def recompute_modules(modules: Iterable[nn.Module]) -> None:
    """Let modules keep their inputs only; values and gradients stay the same."""
    for module in modules:
        module.forward = _Recomputed(module.forward, module)


@dataclass
class _Recomputed:
    """A method that is run again for the backward pass; copied with its module."""

    method: Callable
    module: nn.Module

    def __call__(self, *args, **kwargs) -> Any:
        # A compiled graph counts statistics once by itself.
        if not torch.compiler.is_compiling():
            kwargs['context_fn'] = self._contexts
        return checkpoint(self.method, *args, use_reentrant=False, **kwargs)

    def _contexts(self):
        return nullcontext(), _keep_statistics(self.module)


@contextmanager
def _keep_statistics(module: nn.Module) -> Iterator[None]:
    """Normalize with a batch's statistics, without counting them a second time."""
    norms = [
        m
        for m in module.modules()
        if isinstance(m, _NormBase) and m.training and m.track_running_stats
    ]
    kept = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(count)


def _resnet_parts(backbone: ResNet) -> Iterator[nn.Module]:
    if backbone.deep_stem:
        yield backbone.stem
    for name in backbone.res_layers:
        yield from getattr(backbone, name)


def parts_of_head(head: nn.Module) -> Iterator[nn.Module]:
    """Modules of a head that keep activations."""
    for module in head.children():
        if isinstance(module, nn.ModuleList):
            # It has no forward of its own.
            yield from parts_of_head(module)
        elif next(module.parameters(), None) is not None:
            yield module
