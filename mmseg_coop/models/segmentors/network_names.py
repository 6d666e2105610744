"""Names and order of the networks of a cooperative model."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..expect import expect, is_count
from ..mean_of_probabilities import MEAN

_PAIR = ('top', 'bottom')
# What names must not contain: MMEngine sums what has 'loss' in its name, and the
# custom_keys of schedules match names of parts.
_FORBIDDEN = ('loss', 'backbone', 'neck', 'decode_head', 'auxiliary_head')
_FORBIDDEN += ('connectors', 'aggregations')
# Names of other predictions, and of the losses between networks.
_RESERVED = (MEAN, 'oracle', 'cooperation')


def name_networks(
    networks: Mapping[str, Any] | Sequence[Any] | None, count: int | None
) -> dict[str, Any]:
    """Name the networks' entries, in the order in which patterns take them.

    MMEngine sorts a dict's keys when it writes a config, so that their order is fixed:
    ``top`` before ``bottom``, other names in alphabetical order.

    Args:
        networks: A dict by name, a list of dicts that may have a ``name``, or None.
        count: Number of networks, if ``networks`` is None. Default: 2.
    """
    if networks is None:
        count = 2 if count is None else count
        expected = "at least 2; for one network use type='EncoderDecoder'"
        expect('num_networks', count, is_count(count) and count > 1, expected)
        return dict.fromkeys(_default_names(count))
    valid = isinstance(networks, Mapping | list | tuple) and len(networks) > 1
    expect('networks', networks, valid, 'a dict or list of at least 2 networks')
    valid, expected = count in (None, len(networks)), f'{len(networks)}, as in networks'
    expect('num_networks', count, valid, expected)
    named = isinstance(networks, Mapping)
    entries = list(networks.values() if named else networks)
    names = list(networks if named else _default_names(len(entries)))
    for i, entry in enumerate(entries):
        own = entry.get('name', names[i]) if isinstance(entry, Mapping) else names[i]
        valid = not named or own == names[i]
        expected = f'{names[i]!r}, its key, or networks as a list'
        expect(f'networks.{names[i]}.name', own, valid, expected)
        names[i] = own
        _check_name(own)
        valid = entry is None or isinstance(entry, Mapping | str)
        expect(f'networks.{names[i]}', entry, valid, 'a dict, or a config file')
    expect('networks', names, len(set(names)) == len(names), 'names that differ')
    found = dict(zip(names, entries, strict=True))
    return _in_order(found) if named else found


def _in_order(networks: dict[str, Any]) -> dict[str, Any]:
    if set(networks) == set(_PAIR):
        return {name: networks[name] for name in _PAIR}
    names = list(networks)
    if names != sorted(names):
        listed = ', '.join(f'dict(name={name!r}, ...)' for name in names)
        raise ValueError(
            f'networks: found a dict with {", ".join(names)}, an order that '
            f'is lost when MMEngine writes the config; expected a list: [{listed}]'
        )
    return networks


def _default_names(count: int) -> list[str]:
    return list(_PAIR) if count == 2 else [f'net{i + 1}' for i in range(count)]


def _check_name(name: Any) -> None:
    valid = isinstance(name, str) and bool(re.fullmatch(r'\w+', name, re.ASCII))
    valid = valid and not any(word in name for word in _FORBIDDEN)
    expected = (
        'names of letters, digits and _, without '
        f'{", ".join(map(repr, _FORBIDDEN))}, and not {" or ".join(_RESERVED)}'
    )
    valid = valid and name not in _RESERVED
    expect('networks', name, valid, expected)
