"""Say in one line what is wrong with a config that MMEngine can't build."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from traceback import walk_tb
from types import FrameType
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry

_BUILDERS = ('build_from_cfg', 'build_scheduler_from_cfg', 'build_runner_from_cfg')
_RUNNER = 'mmengine.runner.runner'
# What these raise while they build is the config's fault, or else a user's own code is
# shown with a traceback.
_HOSTS = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'torch', 'torchvision')


def config_error(error: Exception) -> str | None:
    """What is wrong with a config, from an error that was raised while building it.

    Args:
        error: Any error.

    Returns:
        One line with the config's key, the class and what it does not know or take;
        None if the error has another cause, or its own message says it.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    # The innermost first.
    builds = [f for f in reversed(frames) if f.f_code.co_name in _BUILDERS]
    config = _config(frames)
    if frames[-1] in builds and isinstance(error, KeyError):
        return _unknown_type(builds[0], config)
    unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if unknown and isinstance(error, TypeError):
        for frame in builds:
            if unknown[1] in (frame.f_locals.get('args') or {}):
                return _unknown_option(frame, unknown[1], config)
    if _module(frames[-1]).split('.')[0] not in _HOSTS:
        return None
    if builds:
        key, name = _key(builds[0], config), _name(_built(builds[0]))
        return f'{key}: {name} can not be built ({_reason(error)})'
    if any(_module(f) == _RUNNER and _sets_up(f.f_code.co_name) for f in frames):
        return f'the config can not be run ({_reason(error)})'
    return None


def _unknown_type(frame: FrameType, config: Config | None) -> str:
    key = _key(frame, config)
    found = frame.f_locals.get('obj_type')
    if found is None:
        return f'{key}: type is missing; found {frame.f_locals["cfg"]!r:.80}'
    registry = frame.f_locals['registry']
    names = sorted(set(_names(_root(registry))))
    return (
        f"{key}.type: found {found!r}, which is not in MMEngine's registry of "
        f'{registry.name}s{_suggestion(found, names)}'
    )


def _unknown_option(frame: FrameType, option: str, config: Config | None) -> str:
    built = _built(frame)
    options = sorted(_options(built))
    hint = _suggestion(option, options) or f'; expected one of {", ".join(options)}'
    return f'{_key(frame, config)}.{option}: {_name(built)} has no such option{hint}'


def _suggestion(found: str, names: Iterable[str]) -> str:
    near = get_close_matches(found, names)
    return f'; did you mean {" or ".join(near)}?' if near else ''


def _root(registry: Registry) -> Registry:
    while registry.parent is not None:
        registry = registry.parent
    return registry


def _names(registry: Registry) -> Iterator[str]:
    yield from registry.module_dict
    for child in registry.children.values():
        yield from _names(child)


def _options(built: Callable) -> Iterator[str]:
    """Arguments of a function or class; of its base classes if it hands them on."""
    for function in getattr(built, '__mro__', [built]):
        if inspect.isclass(function) and '__init__' not in vars(function):
            continue
        parameters = inspect.signature(function).parameters.values()
        yield from (p.name for p in parameters if p.kind not in (p.VAR_KEYWORD,))
        if all(p.kind != p.VAR_KEYWORD for p in parameters):
            return


def _config(frames: Iterable[FrameType]) -> Config | None:
    """The config that a tool has read."""
    values = (value for frame in frames for value in frame.f_locals.values())
    return next((value for value in values if isinstance(value, Config)), None)


def _key(frame: FrameType, config: Config | None) -> str:
    """Where in the config that stands which is built; without a place, its class."""
    wanted = frame.f_locals['cfg']
    places = list(_places(config._cfg_dict, '')) if config else []
    for key, options in places:
        if options == wanted:
            return key
    # What builds it may have added to it.
    scores = {key: _likeness(options, wanted) for key, options in places}
    best = max(scores, key=scores.get, default='config')
    return best if scores.get(best) else 'config'


def _places(node: Any, key: str) -> Iterator[tuple[str, dict]]:
    if isinstance(node, dict):
        if key:
            yield key, node
        for name, value in node.items():
            yield from _places(value, f'{key}.{name}' if key else name)
    elif isinstance(node, list | tuple):
        for i, value in enumerate(node):
            yield from _places(value, f'{key}[{i}]')


def _likeness(options: dict, wanted: Any) -> int:
    if not isinstance(wanted, dict) or options.get('type') != wanted.get('type'):
        return 0
    return sum(key in wanted and wanted[key] == options[key] for key in options)


def _built(frame: FrameType) -> Any:
    """The class or function that was called, or what stood in its place."""
    found = frame.f_locals
    return found.get('obj_cls') or found.get('obj_type') or found['registry']


def _name(built: Any) -> str:
    return getattr(built, '__name__', None) or getattr(built, 'name', str(built))


def _module(frame: FrameType) -> str:
    return frame.f_globals.get('__name__', '')


def _sets_up(function: str) -> bool:
    return function.startswith(('build_', 'from_cfg', '__init__'))


def _reason(error: Exception) -> str:
    """The error in one line."""
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    first = ' '.join(text.split())[:300]
    return f'{type(error).__name__}: {first}' if first else type(error).__name__
