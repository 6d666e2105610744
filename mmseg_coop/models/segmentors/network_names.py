"""Names and order of the networks of a cooperative model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ..expect import expect, is_count
from .check_parts import PARTS
from .combine import MEAN

_PAIR = ('top', 'bottom')
# Arguments of an EncoderDecoder that are modules.
# Schedules name these in ``custom_keys``.
_OF_PLAN = ('connectors', 'aggregations')
# Attributes of what holds the networks as modules.
_TAKEN = {*dir(nn.ModuleDict()), 'origins', 'trained'}


def name_networks(
    networks: Mapping[str, Any] | Sequence[Any] | None, count: int | None
) -> dict[str, Any]:
    """Name the networks' entries, in order: each may read those before it.

    MMEngine sorts a dict's keys when it writes a config, so that their order is fixed:
    ``top`` before ``bottom``, other names in alphabetical order.

    Args:
        networks: A dict by name, a list of dicts that may have a ``name``, or None.
        count: Number of networks, if ``networks`` is None. Default: 2.

    Raises:
        ValueError: If there are too few, or a name can't be one.
    """
    if networks is None:
        count = 2 if count is None else count
        expected = "at least 2; for one network use type='EncoderDecoder'"
        expect('num_networks', count, is_count(count) and count > 1, expected)
        return dict.fromkeys(_default_names(count))
    right = isinstance(networks, Mapping | list | tuple) and len(networks) > 1
    expected = 'a dict or list of at least 2 networks'
    expect('networks', networks, right, expected)
    if count is not None:
        expected = f'{len(networks)}, as many as networks has'
        expect('num_networks', count, count == len(networks), expected)
    found = _from_dict if isinstance(networks, Mapping) else _from_list
    entries = found(networks)
    for name, entry in entries.items():
        expected = 'a dict, or a config file'
        right = entry is None or isinstance(entry, Mapping | str)
        expect(f'networks.{name}', entry, right, expected)
    return entries


def _from_dict(networks: Mapping[str, Any]) -> dict[str, Any]:
    for name, entry in networks.items():
        _check_name(name)
        if isinstance(entry, Mapping) and 'name' in entry:
            right, found = entry['name'] == name, entry['name']
            expected = f'{name!r}, its key in networks, or networks as a list'
            expect(f'networks.{name}.name', found, right, expected)
    if set(networks) == set(_PAIR):
        return {name: networks[name] for name in _PAIR}
    names = list(networks)
    if names != sorted(names):
        listed = ', '.join(f'dict(name={name!r}, ...)' for name in names)
        raise ValueError(
            f'networks: found a dict with {", ".join(names)}, an order that '
            f'is lost when MMEngine writes the config; expected a list: [{listed}]'
        )
    return dict(networks)


def _from_list(networks: Sequence[Any]) -> dict[str, Any]:
    names = _default_names(len(networks))
    for i, entry in enumerate(networks):
        if isinstance(entry, Mapping) and 'name' in entry:
            names[i] = entry['name']
            _check_name(names[i])
    right = len(set(names)) == len(names)
    expect('networks', names, right, 'names that differ')
    return dict(zip(names, networks, strict=True))


def _default_names(count: int) -> list[str]:
    return list(_PAIR) if count == 2 else [f'net{i + 1}' for i in range(count)]


def _check_name(name: Any) -> None:
    # MMEngine sums what has 'loss' in its name, and custom_keys match names of parts.
    forbidden = ('loss', *PARTS, *_OF_PLAN)
    right = isinstance(name, str) and re.fullmatch(r'\w+', name, re.ASCII)
    right = right and name != MEAN and not any(word in name for word in forbidden)
    expected = (
        'names of letters, digits and _, without '
        f'{", ".join(map(repr, forbidden))}, and not {MEAN!r}'
    )
    expect('networks', name, bool(right), expected)
    expected = 'another name: modules have an attribute of this one'
    expect('networks', name, name not in _TAKEN, expected)
