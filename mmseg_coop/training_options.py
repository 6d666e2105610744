"""Options of a config on which the weights of a training run depend."""

import json
from collections.abc import Mapping
from typing import Any

from .models.segmentors.init_checkpoints import without_inits

_KEYS = ('model', 'train_dataloader', 'optim_wrapper', 'param_scheduler', 'train_cfg')


def changed_option(config: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Find a key in which two configs train differently; None if there is none.

    The checkpoints that networks start from may differ: those of other seeds do.
    """
    texts = [_texts(options) for options in (config, other)]
    return next((key for key in _KEYS if texts[0][key] != texts[1][key]), None)


def _texts(config: Mapping[str, Any]) -> dict[str, str]:
    found = {key: config.get(key) for key in _KEYS}
    found['model'] = without_inits(found['model'])
    # MMEngine sorts keys when it writes a config.
    return {k: json.dumps(v, sort_keys=True, default=str) for k, v in found.items()}
