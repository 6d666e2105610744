"""Check the parts of a network's config, before they are built."""

import inspect
from collections.abc import Mapping
from typing import Any

from ..expect import expect

PARTS = ('backbone', 'neck', 'decode_head', 'auxiliary_head')


def check_parts(
    model: Mapping[str, Any], cls: type, key: str, common: Mapping[str, Any]
) -> None:
    """Check that a network has the parts that its class needs, as dicts.

    Args:
        model: Config of the network.
        cls: Its class, an ``EncoderDecoder``.
        key: Its place, for errors.
        common: Keys that all networks share, for errors.

    Raises:
        ValueError: If a part is missing, or no dict.
    """
    known = inspect.signature(cls).parameters
    for part in PARTS:
        value, several = model.get(part), part.endswith('head')
        needed = part in known and known[part].default is inspect.Parameter.empty
        right = isinstance(value, Mapping) or (value is None and not needed)
        right = right or (several and isinstance(value, list | tuple))
        expected = "a dict, as in dict(type='...')" + (', or a list' * several)
        shared = part in common and common[part] == value
        expect(f'{"model" if shared else key}.{part}', value, right, expected)
