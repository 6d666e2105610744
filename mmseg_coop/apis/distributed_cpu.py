"""Distributed training on CPUs, which MMEngine does not support."""

from datetime import timedelta

import torch.distributed as dist
from mmengine.logging import print_log
from mmengine.model import MMDistributedDataParallel, revert_sync_batchnorm
from mmengine.registry import MODEL_WRAPPERS
from mmengine.runner import Runner
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ..config_types import is_type


def for_cpu_processes(kind: type[Runner]) -> type[Runner]:
    """Make a sub-class of a Runner for distributed training on CPUs."""
    return type(kind.__name__, (_OnCPU, kind), {})


class _OnCPU:
    """Mixin for a Runner on CPUs, with the config of a Runner on GPUs."""

    def setup_env(self, env_cfg: dict) -> None:
        """Start communication between the processes, those of PyTorch's launcher."""
        if not dist.is_initialized():
            # As MMEngine's init_dist, which needs a GPU.
            options = dict(env_cfg.get('dist_cfg') or {})
            if options.get('backend', 'nccl') == 'nccl':
                options['backend'] = 'gloo'
            if options.get('timeout') is not None:
                options['timeout'] = timedelta(seconds=options['timeout'])
            dist.init_process_group(**options)
        super().setup_env(env_cfg)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        """Wrap the model, and convert SyncBN as MMEngine does for one process."""
        if any(isinstance(module, nn.SyncBatchNorm) for module in model.modules()):
            model = revert_sync_batchnorm(model)
            print_log('No GPU: SyncBN layers are converted to BN.', 'current')
        if model_wrapper_cfg is None:
            # MMEngine's defaults, without a GPU's number.
            unused = self.cfg.get('find_unused_parameters', False)
            options = dict(broadcast_buffers=False, find_unused_parameters=unused)
        else:
            options = dict(model_wrapper_cfg)
        options.setdefault('type', MMDistributedDataParallel)
        if is_type(options, DistributedDataParallel, MODEL_WRAPPERS):
            options.setdefault('device_ids', None)
        return super().wrap_model(options, model)
