"""Options of a config on which the weights of a training run depend."""

import json
from collections.abc import Mapping
from typing import Any

from .config_types import spell_out
from .models.resolve import resolve
from .models.segmentors.init_checkpoints import without_inits

_KEYS = ('model', 'train_dataloader', 'optim_wrapper', 'param_scheduler', 'train_cfg')
# Inside of these: what changes neither weights nor the order of samples.
_NO_EFFECT = ('data_root', 'num_workers', 'persistent_workers', 'pin_memory')
_NO_EFFECT += ('prefetch_factor', 'val_interval')


def changed_option(config: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Find a key in which two configs train differently; None if there is none.

    The checkpoints that networks start from may differ: those of other seeds do.
    """
    options = [_options(one) for one in (config, other)]
    return next((key for key in _KEYS if options[0][key] != options[1][key]), None)


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: spell_out(config.get(key)) for key in _KEYS}
    found['model'] = without_inits(found['model'])
    # As they are read from a file, without tuples.
    return json.loads(json.dumps(found, default=str), object_hook=_effective)


def _effective(options: dict[str, Any]) -> dict[str, Any]:
    found = {key: v for key, v in options.items() if key not in _NO_EFFECT}
    # A class may be named in several ways.
    return found | {'type': str(resolve(options.get('type')) or options.get('type'))}
