"""From a config file to a Runner: what tools/train.py and tools/test.py share."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmseg.registry import RUNNERS

from ..config_types import spell_out
from ..datasets import (
    LOADERS,
    apply_data_policy,
    check_dataset_folders,
    check_num_classes,
    check_reduce_zero_label,
)
from ..engine import SkippedDataHook
from .runner_checks import check_runner, leave_out_hooks, match_checkpoints


def load_config(
    path: str,
    options: dict | None = None,
    work_dir: str | None = None,
    launcher: str = 'none',
) -> Config:
    """Read a config file as MMSegmentation's tools do.

    Args:
        path: The config file.
        options: Values that override the file's, from ``--cfg-options``.
        work_dir: Where logs and checkpoints go. Default: that of the file, or
            ``work_dirs/`` and the file's name.
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no config, or has no model.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'there is no config file {path}')
    try:
        config = Config.fromfile(path)
    except Exception as error:
        # A config is code, and fails in as many ways.
        reason = f'{type(error).__name__}: {error}'.splitlines()[0]
        raise ValueError(f'{path} can not be read as a config ({reason})') from error
    if not config._imported_names:
        # In pure-Python style MMEngine writes classes in a way of its own.
        config._cfg_dict.update(spell_out(config._cfg_dict))
    config.launcher = launcher
    for key, value in (options or {}).items():
        _override(config, key, value, path)
    if not isinstance(config.get('model'), dict):
        raise ValueError(
            f'{path}: model: found {config.get("model")!r}, expected a dict with the '
            "model's type and options"
        )
    if work_dir or not config.get('work_dir'):
        config.work_dir = work_dir or str(Path('work_dirs') / Path(path).stem)
    return config


def _override(config: Config, key: str, value: Any, path: str) -> None:
    try:
        config.merge_from_dict({key: value})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f'--cfg-options {key}: does not fit {path} ({error.args[0]})'
        ) from None


def enable_amp(config: Config) -> None:
    """Train in mixed precision: float16 on a GPU, bfloat16 on a CPU that has it.

    Other CPUs compute in bfloat16 many times more slowly, and stay with float32.

    Raises:
        ValueError: If the config has another optimizer wrapper already.
    """
    wrapper = config.get('optim_wrapper')
    kind = wrapper.get('type') if isinstance(wrapper, dict) else wrapper
    if kind in ('AmpOptimWrapper', 'BFloat16OptimWrapper'):
        return
    if kind != 'OptimWrapper':
        raise ValueError(
            f"optim_wrapper.type: found {kind!r}, expected 'OptimWrapper' for --amp"
        )
    if get_device() == 'cpu':
        if cpu_has_bfloat16():
            config.optim_wrapper.type = 'BFloat16OptimWrapper'
        else:
            print('This CPU has no arithmetic in bfloat16: training in float32.')
    else:
        config.optim_wrapper.type = 'AmpOptimWrapper'
        config.optim_wrapper.loss_scale = 'dynamic'


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies matrices in bfloat16 itself."""
    names = ('_is_avx512_bf16_supported', '_is_amx_tile_supported')
    checks = [getattr(torch.cpu, name, None) for name in names]
    return any(check is not None and check() for check in checks)


def build_runner(config: Config, loaders: Sequence[str] = LOADERS) -> Runner:
    """Check a config and build its Runner, on a machine with or without a GPU.

    Args:
        config: The config.
        loaders: The dataloaders whose data have to be there.

    Raises:
        FileNotFoundError: If data are missing.
        ValueError: If the config contradicts itself.
    """
    # PyTorch then asks for large pages, which a CPU finds and clears faster.
    os.environ.setdefault('THP_MEM_ALLOC_ENABLE', '1')
    check_dataset_folders({loader: config.get(loader) for loader in loaders})
    check_num_classes(config)
    check_reduce_zero_label(config)
    if config.launcher != 'none' and get_device() == 'cpu':
        _init_cpu_processes(config)
    left_out = leave_out_hooks(config)
    if 'runner_type' in config:
        runner = RUNNERS.build(config)
    else:
        runner = Runner.from_cfg(config)
    _watch_data(runner, config.get('data_faults', 'stop'))
    if 'checkpoint_match' not in left_out:
        match_checkpoints(runner)
    check_runner(runner, training='train_dataloader' in loaders)
    return runner


def _watch_data(runner: Runner, policy: str) -> None:
    """Change what data are loaded with, and not the config that a run leaves.

    Its loaders have the names that MMSegmentation's inferencer looks for.
    """
    apply_data_policy({name: getattr(runner, f'_{name}') for name in LOADERS}, policy)
    if policy == 'skip':
        runner.register_hook(SkippedDataHook())


def _init_cpu_processes(config: Config) -> None:
    """What MMEngine does for GPUs only: processes that talk through gloo."""
    if config.launcher != 'pytorch':
        raise ValueError(
            f"launcher: found {config.launcher!r}, expected 'pytorch' on a machine "
            'without a GPU'
        )
    if not dist.is_initialized():
        dist.init_process_group('gloo')
    config.env_cfg.dist_cfg = dict(backend='gloo')
    # MMEngine's default wrapper names a GPU for each process.
    config.setdefault(
        'model_wrapper_cfg',
        dict(
            type='MMDistributedDataParallel', broadcast_buffers=False, device_ids=None
        ),
    )
    # Without processes MMEngine converts them itself.
    if _replace_sync_bn(config.model):
        print_log('No GPU: SyncBN layers are converted to BN.', 'current')


def _replace_sync_bn(config: Any) -> bool:
    """Replace SyncBN, which needs a GPU, in a nested config; tell if there was one."""
    if isinstance(config, list | tuple):
        return any([_replace_sync_bn(item) for item in config])
    if not isinstance(config, dict):
        return False
    found = config.get('type') == 'SyncBN'
    if found:
        config['type'] = 'BN'
    return any([_replace_sync_bn(value) for value in config.values()]) or found
