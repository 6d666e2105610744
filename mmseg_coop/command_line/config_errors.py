"""Describe in one line why MMEngine can't build a config."""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path
from traceback import extract_tb, walk_tb
from types import FrameType
from typing import Any

from mmengine.config import Config
from mmengine.registry import OPTIMIZERS, Registry
from torch import nn

from ..models.heads import check_levels
from ..unwrap import unwrap

_BUILDERS = ('build_from_cfg', 'build_scheduler_from_cfg', 'build_runner_from_cfg')
# Functions of MMEngine's Runner that work on a config.
_SET_UP = re.compile('build_|from_cfg|__init__')
# Errors that these packages raise while building are the config's fault; errors of this
# project or of a user's code are bugs, and shown with a traceback.
_HOSTS = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'torch', 'torchvision')
_PLACES = 3
# Packages whose errors belong to the code that called them.
_BELOW = (*sys.stdlib_module_names, 'numpy')


def config_error(error: Exception) -> str | None:
    """Name the config key at fault for an error that was raised while building.

    MMEngine's errors don't name the key: it is found in the local variables of the
    traceback.

    Returns:
        One line with the config's key, the class and the unknown type or option; None
        if the error has another cause, or its own message is enough.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    while _package(frames[-1]) in _BELOW and len(frames) > 1:
        frames.pop()
    # The innermost first.
    builds = [f for f in reversed(frames) if _function(f) in _BUILDERS]
    config = _config(frames)
    if isinstance(error, KeyError) and frames[-1] in builds:
        found = frames[-1].f_locals
        return _unknown_type(found['cfg'], found.get('registry'), config)
    for frame in frames:
        # The constructor of optimizers looks its class up by itself.
        if (
            _package(frame) == 'mmengine'
            and frame.f_locals.get('optimizer_cls', 0) is None
        ):
            options = frame.f_locals['self'].optimizer_cfg
            return _unknown_type(options, OPTIMIZERS, config)
    unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if isinstance(error, TypeError) and unknown:
        for frame in builds:
            if unknown[1] in (frame.f_locals.get('args') or {}):
                return _unknown_option(frame, unknown[1], config)
    if _function(frames[-1]) == '_transform_inputs':
        head, levels = (frames[-1].f_locals[name] for name in ('self', 'inputs'))
        try:
            check_levels(head, f'model.{_path(head, frames)}', levels)
        except ValueError as found:
            return str(found)
    if _package(frames[-1]) not in _HOSTS:
        return None
    called = [frame for frame in builds if 'args' in frame.f_locals]
    if called:
        keys = [_key(frame.f_locals['cfg'], config) for frame in called]
        # Modules that a model adds by itself have no config key.
        place = next((i for i, key in enumerate(keys) if key), 0)
        wrong = builds[0].f_locals['cfg']
        for name, value in called[place].f_locals['args'].items():
            if builds[0] is not called[0] and value == wrong:
                return f'{_dotted(keys[place])}{name}: found {wrong!r}, expected a dict'
        name = _name(_built(called[place]))
        return f'{_prefix(keys[place])}{name} can not be built ({_reason(error)})'
    for frame in reversed(frames):
        if _package(frame) == 'mmengine' and _function(frame) == 'init_weights':
            module = frame.f_locals['self']
            return (
                f'init_cfg of {type(module).__name__}: found {module.init_cfg!r}, '
                f'which can not be used ({_reason(error)})'
            )
    if any(_package(f) == 'mmengine' and _SET_UP.match(_function(f)) for f in frames):
        return f'the config can not be run ({_reason(error)})'
    return None


def _unknown_type(options: dict, registry: Registry, config: Config | None) -> str:
    key = _key(options, config)
    found = options.get('type')
    if found is None:
        return f'{_prefix(key)}type is missing; found {options!s:.80}'
    names = sorted(set(_names(_root(registry))))
    return (
        f"{_dotted(key)}type: found {found!r}, which is not in MMEngine's registry of "
        f'{registry.name}s{_suggestion(found, names)}'
    )


def _unknown_option(frame: FrameType, option: str, config: Config | None) -> str:
    built = _built(frame)
    options = sorted(set(_options(built)))
    hint = _suggestion(option, options) or f'; expected one of {", ".join(options)}'
    given = frame.f_locals['cfg']
    key = _key(given, config, option) or _key(given, config)
    return f'{_dotted(key)}{option}: {_name(built)} has no such option{hint}'


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
    """Arguments of a function or class, and of its base classes if it has **kwargs."""
    for function in getattr(built, '__mro__', [built]):
        if inspect.isclass(function) and '__init__' not in vars(function):
            continue
        parameters = inspect.signature(function).parameters.values()
        kinds = (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        )
        yield from (p.name for p in parameters if p.kind in kinds and p.name != 'self')
        if all(p.kind != p.VAR_KEYWORD for p in parameters):
            return


def _config(frames: Iterable[FrameType]) -> Config | None:
    """Find the config that a tool has read."""
    values = (value for frame in frames for value in frame.f_locals.values())
    return next((value for value in values if isinstance(value, Config)), None)


def _key(wanted: dict, config: Config | None, option: str = 'type') -> str:
    """Find the config key of an object that is being built: '', one or several.

    Args:
        wanted: Its options: those of the config and further ones that code has added.
        config: The whole config.
        option: A key that the options must have.
    """
    places = _places(config._cfg_dict, '') if config else ()
    scores = {
        key: sum(
            name in wanted and _equal(wanted[name], options[name]) for name in options
        )
        for key, options in places
        if option in options
        and _equal(options.get(option), wanted.get(option))
        and _equal(options.get('type', wanted.get('type')), wanted.get('type'))
    }
    best = [key for key in scores if scores[key] == max(scores.values())]
    return ' or '.join(best if len(best) <= _PLACES else [*best[:_PLACES], '…'])


def _places(node: Any, key: str) -> Iterator[tuple[str, dict]]:
    if isinstance(node, dict):
        if key:
            yield key, node
        for name, value in node.items():
            yield from _places(value, f'{key}.{name}' if key else name)
    elif isinstance(node, list | tuple):
        for i, value in enumerate(node):
            yield from _places(value, f'{key}[{i}]')


def _equal(a: Any, b: Any) -> bool:
    # NaN does not equal itself.
    return a is b or a == b


def _path(module: nn.Module, frames: Iterable[FrameType]) -> str:
    """Path of a module in the model that is running."""
    running = (frame.f_locals.get('self') for frame in frames)
    models = (unwrap(x) for x in running if isinstance(x, nn.Module))
    named = (pair for model in models for pair in model.named_modules())
    return next(name for name, found in named if found is module)


def _dotted(key: str) -> str:
    return f'{key}.' if key else ''


def _prefix(key: str) -> str:
    return f'{key}: ' if key else ''


def _built(frame: FrameType) -> Any:
    """Get the class or function that was called."""
    return frame.f_locals.get('obj_cls') or frame.f_locals.get('obj_type')


def _name(built: Any) -> str:
    return getattr(built, '__name__', str(built))


def _package(frame: FrameType) -> str:
    return frame.f_globals.get('__name__', '').split('.')[0]


def _function(frame: FrameType) -> str:
    return frame.f_code.co_name


def _reason(error: Exception) -> str:
    """Format an error in one line."""
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    first = ' '.join(text.split())[:300] or _raised(error)
    return f'{type(error).__name__}: {first}'


def _raised(error: Exception) -> str:
    """Place where an error without a message was raised, with its line of code."""
    place = extract_tb(error.__traceback__)[-1]
    return f'{place.line} in {Path(place.filename).name}, line {place.lineno}'
