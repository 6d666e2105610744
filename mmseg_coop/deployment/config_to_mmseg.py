"""Convert a config to MMSegmentation's classes, where it has them."""

import inspect
from collections.abc import Callable
from typing import Any

import mmseg.registry
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import Registry
from mmengine.runner import Runner

from .. import datasets, engine, evaluation, models
from ..config_types import dicts_in

_PACKAGE = 'mmseg_coop'
# Keys that MMEngine reads; any other is a variable of the file.
_READ = {*inspect.signature(Runner.__init__).parameters}
_READ |= {'test_pipeline', 'tta_pipeline', 'tta_model'}
# Stands for what is removed.
LEFT_OUT = object()
# Options that replace those of this package's classes.
_HOST: dict[Any, dict[str, Any]] = {
    models.EfficientDAHead: dict(type='DAHead'),
    evaluation.CoopIoUMetric: dict(type='IoUMetric'),
    datasets.CamVidDataset: dict(
        type='BaseSegDataset', metainfo=datasets.CamVidDataset.METAINFO
    ),
    engine.ResumableTrainLoop: dict(type='IterBasedTrainLoop'),
    engine.CoopTestLoop: dict(type='TestLoop'),
    engine.CoopValLoop: dict(type='ValLoop'),
    engine.SafeCheckpointHook: dict(type='CheckpointHook'),
    engine.auto_amp: dict(type='OptimWrapper'),
    engine.BFloat16OptimWrapper: dict(type='AmpOptimWrapper', dtype='bfloat16'),
    engine.CoopLearningRateDecayOptimizerConstructor: dict(
        type='LearningRateDecayOptimizerConstructor'
    ),
}


def rewrite(value: Any, change: Callable[[Any], Any]) -> Any:
    """Rewrite each dict of a nested config, the inner ones first.

    Args:
        value: The config.
        change: Gives what replaces a dict; ``LEFT_OUT`` removes it.
    """
    if isinstance(value, list | tuple):
        items = [rewrite(item, change) for item in value]
        return type(value)(item for item in items if item is not LEFT_OUT)
    if not isinstance(value, dict):
        return value
    items = {key: rewrite(item, change) for key, item in value.items()}
    kept = {key: item for key, item in items.items() if item is not LEFT_OUT}
    return change(type(value)(kept))


def rewrite_settings(config: Config, change: Callable[[Any], Any]) -> None:
    """Rewrite each dict of a whole config but its model."""
    for key in [key for key in config if key != 'model']:
        found = rewrite(config[key], change)
        if found is LEFT_OUT:
            config.pop(key)
        else:
            config[key] = found


def to_host(value: Any) -> Any:
    """Replace this package's classes in a nested config by MMSegmentation's.

    Classes without a counterpart stay; hooks, which only monitor a run, are left out.
    """
    return rewrite(value, _of_host)


def _of_host(options: dict[str, Any]) -> Any:
    own = _own_class(options.get('type'))
    if own not in _HOST and isinstance(own, type) and issubclass(own, Hook):
        return LEFT_OUT
    return type(options)({**options, **_HOST.get(own, {})})


def own_types(config: Any) -> list[str]:
    """List the names of this package's classes in a nested config."""
    found = (_own_class(options.get('type')) for _, options in dicts_in(config))
    return list(dict.fromkeys(own.__name__ for own in found if own is not None))


def strip_package(config: Config) -> list[str]:
    """Remove this package's classes from a config, as far as possible.

    Args:
        config: A whole config, which is changed; its model stays as it is.

    Returns:
        Names of this package's classes that are still needed. If there are any, the
        config imports this package.
    """
    rewrite_settings(config, _of_host)
    for key in [key for key in config if key not in _READ and own_types(config[key])]:
        config.pop(key)
    needed = own_types(config._cfg_dict)
    import_package(config, bool(needed))
    return needed


def import_package(config: Config, wanted: bool = True) -> None:
    """Add this package to ``custom_imports`` of a config, or remove it."""
    names = (config.pop('custom_imports', None) or {}).get('imports', [])
    names = [names] if isinstance(names, str) else names
    names = [name for name in names if name.split('.')[0] != _PACKAGE]
    names += [_PACKAGE] * wanted
    if names:
        config.custom_imports = dict(imports=names, allow_failed_imports=False)


def _own_class(kind: Any) -> Any:
    """Find the class of this package that a ``type`` stands for, or None."""
    found = [kind]
    if isinstance(kind, str):
        scope, _, name = kind.rpartition('.')
        if scope.split('.')[0] not in ('', 'mmseg', _PACKAGE):
            return None
        registries = vars(mmseg.registry).values()
        known = (x.module_dict for x in registries if isinstance(x, Registry))
        found = [modules.get(name) for modules in known]
    packages = {getattr(x, '__module__', '').split('.')[0]: x for x in found}
    return packages.get(_PACKAGE)
