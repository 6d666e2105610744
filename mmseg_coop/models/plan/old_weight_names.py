"""Names of connectors' weights in older checkpoints."""

from collections.abc import Mapping
from typing import Any

from .connection import renamed

_BEFORE = ('connectors.', 'aggregations.')


def upgrade_keys(state_dict: Mapping[str, Any]) -> dict[str, Any]:
    """Rename ``connectors.bottom_backbone_layer1`` to ``plan.connectors....``.

    Args:
        state_dict: Weights by name, of any model.

    Returns:
        The same, with current names.
    """
    return {
        f'plan.{renamed(key)}' if key.startswith(_BEFORE) else key: value
        for key, value in state_dict.items()
    }
