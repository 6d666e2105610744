"""Convert a config to MMSegmentation's classes, where it has them."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import mmseg.registry
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner

from .. import datasets, engine, evaluation, models
from ..config_types import resolve

_PACKAGE = 'mmseg_coop'
# Keys that MMEngine reads; any other is a variable of the file.
_READ = {*inspect.signature(Runner.__init__).parameters}
_READ |= {'test_pipeline', 'tta_pipeline', 'tta_model'}
_Change = Callable[[dict], dict | None]


def to_host(value: Any) -> Any:
    """Replace this package's classes in a nested config by MMSegmentation's.

    Classes without a counterpart stay. Hooks that only monitor a run are left out.
    """
    if isinstance(value, dict):
        items = {key: to_host(item) for key, item in value.items()}
        items = {k: v for k, v in items.items() if v is not _LEFT_OUT}
        found = _own_class(items.get('type'))
        return _CHANGES[found](items) if found in _CHANGES else type(value)(items)
    if isinstance(value, list | tuple):
        items = [to_host(item) for item in value]
        return type(value)(item for item in items if item is not _LEFT_OUT)
    return value


def own_types(value: Any) -> Iterator[str]:
    """List the names of this package's classes in a nested config."""
    if isinstance(value, dict):
        found = _own_class(value.get('type'))
        if found is not None:
            yield found.__name__
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from own_types(item)


def strip_package(config: Config) -> list[str]:
    """Remove this package's classes from a config, as far as possible.

    Args:
        config: A whole config, which is changed; its model stays as it is.

    Returns:
        Names of this package's classes that are still needed. If there are any, the
        config imports this package.
    """
    for key, value in list(config.items()):
        found = value if key == 'model' else to_host(value)
        if found is _LEFT_OUT or (key not in _READ and any(own_types(found))):
            config.pop(key)
        else:
            config[key] = found
    needed = list(dict.fromkeys(own_types(config._cfg_dict.to_dict())))
    _import(config, bool(needed))
    return needed


def import_package(config: Config) -> None:
    """Add this package to ``custom_imports`` of a config."""
    _import(config, True)


def _import(config: Config, wanted: bool) -> None:
    imports = config.get('custom_imports') or dict(imports=[])
    names = imports['imports']
    names = [names] if isinstance(names, str) else list(names)
    names = [name for name in names if name.split('.')[0] != _PACKAGE]
    names += [_PACKAGE] if wanted else []
    config.pop('custom_imports', None)
    if names:
        config.custom_imports = dict(imports=names, allow_failed_imports=False)


def _own_class(kind: Any) -> Any:
    """Find the class of this package that a ``type`` stands for, or None."""
    if not (isinstance(kind, str) or hasattr(kind, '__name__')):
        return None
    for registry in vars(mmseg.registry).values():
        if isinstance(registry, Registry) and _is_known(kind, registry):
            found = resolve(kind, registry)
            module = getattr(found, '__module__', '')
            if module.split('.')[0] == _PACKAGE:
                return found
    return None


def _is_known(kind: Any, registry: Registry) -> bool:
    """Tell whether a registry has a ``type``, without importing anything for it."""
    name = kind.rpartition('.')[2] if isinstance(kind, str) else kind.__name__
    return name in registry.module_dict


_LEFT_OUT = object()


def _renamed(name: str, without: tuple[str, ...] = (), **added: Any) -> _Change:
    def change(options: dict) -> dict:
        kept = {k: v for k, v in options.items() if k not in without}
        return {**kept, 'type': name, **added}

    return change


_CHANGES: dict[Any, Any] = {
    models.EfficientDAHead: _renamed('DAHead'),
    evaluation.CoopIoUMetric: _renamed('IoUMetric'),
    datasets.CamVidDataset: _renamed(
        'BaseSegDataset', metainfo=datasets.CamVidDataset.METAINFO
    ),
    datasets.LoadCheckedImage: _renamed('LoadImageFromFile'),
    datasets.LoadCheckedAnnotations: _renamed(
        'LoadAnnotations', ('num_classes', 'ignore_index')
    ),
    engine.ResumableTrainLoop: _renamed('IterBasedTrainLoop'),
    engine.CoopTestLoop: _renamed('TestLoop'),
    engine.CoopValLoop: _renamed('ValLoop'),
    engine.SafeCheckpointHook: _renamed('CheckpointHook'),
    engine.auto_amp: _renamed('OptimWrapper'),
    engine.BFloat16OptimWrapper: _renamed('AmpOptimWrapper', dtype='bfloat16'),
    engine.CoopLearningRateDecayOptimizerConstructor: _renamed(
        'LearningRateDecayOptimizerConstructor'
    ),
    **dict.fromkeys(
        (
            engine.CheckpointMatchHook,
            engine.CompileTestHook,
            engine.CoopEvaluationHook,
            engine.CooperationHook,
            engine.DataFaultsHook,
            engine.NonFiniteHook,
            engine.StopHook,
        ),
        lambda _: _LEFT_OUT,
    ),
}
