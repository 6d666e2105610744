"""Reach the segmentor inside of what is wrapped around it."""

from mmengine.model import BaseTTAModel, is_model_wrapper
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def unwrap(model: nn.Module) -> nn.Module:
    """The model inside of wrappers for distribution or test-time augmentation."""
    model = unwrap_distribution(model)
    return unwrap(model.module) if isinstance(model, BaseTTAModel) else model


def unwrap_distribution(model: nn.Module) -> nn.Module:
    """The model that a wrapper distributes; one that augments at test time stays."""
    while is_model_wrapper(model) and not isinstance(model, BaseTTAModel):
        model = model.module
    return model


def unwrap_ddp(model: nn.Module) -> nn.Module:
    """The model inside of DDP, where each process has all of it, unlike FSDP."""
    return model.module if isinstance(model, DistributedDataParallel) else model
