"""Types that stand in configs."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry, init_default_scope

from .models.resolve import resolve


def use_scope(config: Config) -> None:
    """Look names up where a config says; in MMSegmentation if it does not."""
    # In MMEngine's pure-Python style, without names, it is None.
    init_default_scope(config.get('default_scope') or 'mmseg')


def is_type(options: Any, expected: type, registry: Registry) -> bool:
    """Tell whether a config would build a class or a sub-class of it.

    Args:
        options: What stands in the config, a dict with ``type`` or anything else.
        expected: The class.
        registry: Where names are looked up.
    """
    if not isinstance(options, dict):
        return False
    found = resolve(options.get('type'), registry)
    return isinstance(found, type) and issubclass(found, expected)


def dicts_in(value: Any, key: str = '') -> Iterator[tuple[str, dict]]:
    """List the dicts of a nested config with their keys, as in ``a.b[0]``."""
    if isinstance(value, dict):
        yield key, value
        for name, item in value.items():
            yield from dicts_in(item, f'{key}.{name}' if key else name)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from dicts_in(item, f'{key}[{i}]')


def spell_out(value: Any) -> Any:
    """A nested config in which the full names of classes stand for them.

    MMEngine writes a class that stands in a config with ``_base_`` in a way that it
    can't read again.
    """
    if isinstance(value, dict):
        return type(value)({key: spell_out(item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return type(value)(map(spell_out, value))
    if isinstance(value, type) and value.__module__ != 'builtins':
        return f'{value.__module__}.{value.__qualname__}'
    return value
