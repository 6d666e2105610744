"""Options of a config on which the weights of a training run depend."""

from collections.abc import Mapping
from typing import Any

from .models.resolve import resolve
from .models.segmentors.init_checkpoints import without_inits

_KEYS = ('model', 'train_dataloader', 'optim_wrapper', 'param_scheduler', 'train_cfg')
# Inside of these: what weights do not depend on, or what differs between machines.
_NO_EFFECT = ('data_root', 'num_workers', 'persistent_workers', 'pin_memory')
_NO_EFFECT += ('prefetch_factor', 'val_interval', 'val_begin', 'dynamic_intervals')
_NO_EFFECT += ('test_cfg',)


def changed_option(config: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Find a key in which two configs train differently; None if there is none.

    The checkpoints that networks start from may differ: those of other seeds do.
    """
    return _unlike(*(_options(one) for one in (config, other)))


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: config.get(key) for key in _KEYS}
    found['model'] = without_inits(found['model'])
    return _plain(found)


def _plain(value: Any) -> Any:
    """Nested options as they are read from a file, without those of no effect."""
    if isinstance(value, Mapping):
        found = {str(k): _plain(v) for k, v in value.items() if k not in _NO_EFFECT}
        # A class may be named in several ways.
        kind = resolve(value.get('type'))
        return found if kind is None else {**found, 'type': str(kind)}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return value if isinstance(value, int | float | None) else str(value)


def _unlike(one: Any, other: Any, key: str = '') -> str | None:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return None if one == other else key
    for name in {**one, **other}:
        place = f'{key}.{name}' if key else name
        found = _unlike(one.get(name), other.get(name), place)
        if found:
            return found
    return None
