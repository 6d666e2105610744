"""Read a config and build its Runner, for tools/train.py and tools/test.py."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.runner import Runner
from mmseg.registry import OPTIM_WRAPPERS, RUNNERS

from ..checkpoints.safe_load import enable_safe_loading
from ..config_types import spell_out, use_scope
from ..datasets import (
    LOADERS,
    check_dataset_folders,
    check_num_classes,
    check_reduce_zero_label,
)
from ..engine import BFloat16OptimWrapper, CheckpointMatchHook, auto_amp
from ..models.expect import expect
from ..models.resolve import resolve
from ..models.segmentors import flatten_networks
from ..wording import first_line
from .distributed_cpu import for_cpu_processes
from .packaged_configs import enable_config_scopes, find_config
from .runner_checks import check_training


def read_config(path: str, options: dict | None = None) -> Config:
    """Read a config file with all that it inherits, and set the default scope.

    Args:
        path: The config file, or one of an installed package, as in
            ``mmseg_coop::coop/danet_r18_same_toy.py``.
        options: Values that override the file's, from ``--cfg-options``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no config, or has no model.
    """
    enable_config_scopes()
    enable_safe_loading()
    file = find_config(path)
    try:
        config = Config.fromfile(file)
    except Exception as error:
        # A config is code, and can raise anything.
        text = f'{path} can not be read as a config ({first_line(error)})'
        raise ValueError(text) from error
    if not config._imported_names:
        # Configs in pure-Python style are left out: MMEngine writes their classes
        # itself.
        config._cfg_dict.update(spell_out(config._cfg_dict))
    use_scope(config)
    override(config, options or {}, path)
    model = config.get('model')
    expected = "a dict with the model's type and options"
    expect(f'{path}: model', model, isinstance(model, dict), expected)
    flatten_networks(config)
    return config


def override(config: Config, options: Mapping[str, Any], path: str) -> None:
    """Set options of a config, as ``--cfg-options`` does.

    Raises:
        ValueError: If one does not fit the config, which is called as its ``path``.
    """
    for key, value in options.items():
        try:
            config.merge_from_dict({key: value})
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f'--cfg-options {key}: does not fit {path} ({error.args[0]})'
            ) from None


def load_config(
    path: str,
    options: dict | None = None,
    work_dir: str | None = None,
    launcher: str = 'none',
) -> Config:
    """Read a config, and set work dir and launcher as MMSegmentation's tools do.

    Args:
        path: As for :func:`read_config`.
        options: As for :func:`read_config`.
        work_dir: Folder for logs and checkpoints. Default: the config's, or
            ``work_dirs/`` and the file's name.
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.
    """
    config = read_config(path, options)
    config.launcher = launcher
    default = config.get('work_dir') or f'work_dirs/{Path(config.filename).stem}'
    config.work_dir = work_dir or default
    return config


def enable_amp(config: Config) -> None:
    """Set a config to train in mixed precision with ``AutoAmpOptimWrapper``.

    Raises:
        ValueError: If the config has another optimizer wrapper, or several.
    """
    wrapper = config.get('optim_wrapper')
    expect('optim_wrapper', wrapper, isinstance(wrapper, dict), 'a dict for --amp')
    if not wrapper.get('optimizer'):
        raise ValueError(
            f'optim_wrapper: found {", ".join(wrapper)}, expected one optimizer for '
            "--amp; of several give each type='AutoAmpOptimWrapper' in the config"
        )
    found = wrapper.get('type', OptimWrapper)
    kind = resolve(found, OPTIM_WRAPPERS)
    if kind is OptimWrapper:
        wrapper.type = 'AutoAmpOptimWrapper'
        return
    mixed = AmpOptimWrapper | BFloat16OptimWrapper
    on = kind is auto_amp or (isinstance(kind, type) and issubclass(kind, mixed))
    expect('optim_wrapper.type', found, on, "'OptimWrapper' for --amp")


def build_runner(config: Config, loaders: Sequence[str] = LOADERS) -> Runner:
    """Check a config and build its Runner, on a machine with or without a GPU.

    MMSegmentation's own tools build the same Runner. This reports missing data and
    wrong numbers of classes sooner, and supports distributed runs without a GPU.

    Args:
        config: The config.
        loaders: The dataloaders whose data are checked.

    Raises:
        FileNotFoundError: If data are missing.
        ValueError: If the config contradicts itself.
    """
    # PyTorch then requests large pages of memory, which are faster on a CPU.
    os.environ.setdefault('THP_MEM_ALLOC_ENABLE', '1')
    check_dataset_folders({loader: config.get(loader) for loader in loaders})
    check_num_classes(config, loaders)
    check_reduce_zero_label(config)
    hooks = config.get('default_hooks') or {}
    # MMEngine leaves out a hook that is None only if it is its own.
    no_hook = dict(type='mmengine.hooks.Hook')
    hooks.update({name: no_hook for name, hook in hooks.items() if hook is None})
    build = RUNNERS.build
    if config.get('launcher', 'none') != 'none' and get_device() == 'cpu':
        kind = resolve(config.get('runner_type', Runner), RUNNERS)
        build = for_cpu_processes(kind).from_cfg
    runner = build(config)
    has_match = any(isinstance(hook, CheckpointMatchHook) for hook in runner.hooks)
    if 'checkpoint_match' not in hooks and not has_match:
        runner.register_hook(CheckpointMatchHook())
    if 'train_dataloader' in loaders:
        check_training(runner)
    return runner
