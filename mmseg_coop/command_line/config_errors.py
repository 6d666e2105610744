"""Describe in one line why MMEngine can't build a config."""

import inspect
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from traceback import extract_tb, walk_tb
from types import FrameType
from typing import Any

from mmengine.config import Config
from mmengine.registry import OPTIMIZERS, Registry

from ..config_types import dicts_in
from ..models.resolve import resolve
from ..wording import first_line

_BUILDERS = ('build_from_cfg', 'build_scheduler_from_cfg', 'build_runner_from_cfg')
# Functions of MMEngine's Runner that work on a config.
_SET_UP = re.compile('build_|from_cfg|__init__')
# Errors that these packages raise while building are the config's fault; errors of this
# project or of a user's code are bugs, and shown with a traceback.
_HOSTS = ('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'torch', 'torchvision')
# Packages whose errors belong to the code that called them.
_BELOW = (*sys.stdlib_module_names, 'numpy')
_PLACES = 3


def config_error(error: Exception) -> str | None:
    """Name the config key at fault for an error that was raised while building.

    MMEngine's errors don't name the key: it is found in the local variables of the
    traceback.

    Returns:
        One line with the config's key and the error; None if the error has another
        cause, or its own message is enough.
    """
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    while _package(frames[-1]) in _BELOW and len(frames) > 1:
        frames.pop()
    builds = list(_builds(frames))
    unknown = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    given = unknown and any(unknown[1] in options for options, _ in builds)
    if _package(frames[-1]) not in _HOSTS and not given:
        return None
    values = (value for frame in frames for value in frame.f_locals.values())
    config = next((value for value in values if isinstance(value, Config)), Config())
    option = unknown[1] if unknown else None
    keys = [_key(options, config._cfg_dict, option) for options, _ in builds]
    # Modules that a model adds by itself have no config key.
    for key, (options, registry) in zip(keys, builds, strict=True):
        kind = options.get('type')
        if isinstance(kind, str) and resolve(kind, registry) is None:
            found = f'{kind or repr(kind)} is not in the registry of {registry.name}s'
            return f'{key or "config"}: {found}{_near_types(kind, registry)}'
        if key:
            name = getattr(kind, '__name__', kind)
            hint = _near_options(option, kind, registry) if option else ''
            return f'{key}: {name} can not be built ({_reason(error)}){hint}'
    for frame in reversed(frames):
        if _package(frame) == 'mmengine' and _function(frame) == 'init_weights':
            module = frame.f_locals['self']
            found = f'init_cfg of {type(module).__name__}: found {module.init_cfg!r}'
            return f'{found}, which can not be used ({_reason(error)})'
    if any(_package(f) == 'mmengine' and _SET_UP.match(_function(f)) for f in frames):
        return f'the config can not be run ({_reason(error)})'
    return None


def _builds(frames: list[FrameType]) -> Iterator[tuple[dict, Registry]]:
    """Options and registries of what was being built, the innermost first."""
    for frame in reversed(frames):
        found = frame.f_locals
        if _package(frame) != 'mmengine':
            continue
        if _function(frame) in _BUILDERS and isinstance(found['cfg'], dict):
            yield found['cfg'], found['registry']
        # The constructor of optimizers looks its class up by itself.
        elif 'optimizer_cls' in found:
            yield found['self'].optimizer_cfg, OPTIMIZERS


def _key(options: dict, config: dict, unknown: str | None) -> str:
    """Find the config key of an object that is being built: '', one or several.

    Its options are those of the config and further ones that code has added, which may
    be its ``type``, too: then the option that it does not know tells where it is.
    """
    scores = {
        key: sum(found[name] == options.get(name) for name in found)
        for key, found in dicts_in(config)
        if key and found.get('type') == options.get('type')
    }
    holding = {key: found for key, found in dicts_in(config) if unknown in found}
    if not holding.keys() & scores.keys():
        merged = {
            key: len(found)
            for key, found in holding.items()
            if key and all(options.get(name) == found[name] for name in found)
        }
        scores = merged or scores
    best = [key for key in scores if scores[key] == max(scores.values())]
    return ' or '.join(best if len(best) <= _PLACES else [*best[:_PLACES], '…'])


def _near_types(kind: str, registry: Registry | None) -> str:
    names: list[str] = []
    while registry is not None:
        names += registry.module_dict
        registry = registry.parent
    return _did_you_mean(kind, names)


def _near_options(option: str, kind: Any, registry: Registry) -> str:
    built = registry.get(kind) if isinstance(kind, str) else kind
    # With **kwargs options are also those of base classes.
    names = [
        name
        for base in getattr(built, '__mro__', [built])
        for name in inspect.signature(base).parameters
    ]
    return _did_you_mean(option, names)


def _did_you_mean(found: str, names: list[str]) -> str:
    near = dict.fromkeys(get_close_matches(found, names))
    return f'; did you mean {" or ".join(near)}?' if near else ''


def _package(frame: FrameType) -> str:
    return frame.f_globals.get('__name__', '').split('.')[0]


def _function(frame: FrameType) -> str:
    return frame.f_code.co_name


def _reason(error: Exception) -> str:
    """Format an error; one without a message by the line of code that raised it."""
    if str(error):
        return first_line(error)
    place = extract_tb(error.__traceback__)[-1]
    file = Path(place.filename).name
    return f'{type(error).__name__}: {place.line} in {file}, line {place.lineno}'
