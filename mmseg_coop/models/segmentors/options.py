"""Read and check options of a cooperative model."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..expect import expect, is_count


def network_names(count: int) -> tuple[str, ...]:
    """Names of so many networks.

    Raises:
        ValueError: If there are fewer than two.
    """
    expected = "at least 2; for one network use type='EncoderDecoder'"
    expect('num_networks', count, is_count(count) and count > 1, expected)
    if count == 2:
        return 'top', 'bottom'
    return tuple(f'net{i + 1}' for i in range(count))


def per_network(
    key: str, values: Sequence | None, names: Sequence[str], default: Any
) -> dict[str, Any]:
    """One value for each network, from a list in their order.

    Raises:
        ValueError: If there are more or fewer values than networks.
    """
    if values is None:
        return dict.fromkeys(names, default)
    right = isinstance(values, list | tuple) and len(values) == len(names)
    expected = f'a list with a value for each of {", ".join(names)}'
    expect(key, values, right, expected)
    return dict(zip(names, values, strict=True))


def read_networks_init(
    values: Sequence[str | None] | None, names: Sequence[str]
) -> dict[str, str | None]:
    """The checkpoint that each network starts from.

    Raises:
        ValueError: If there is not one for each network, or something else.
    """
    for value in (found := per_network('networks_init', values, names, None)).values():
        right = value is None or isinstance(value, str)
        expect('networks_init', value, right, 'a file, a URL or None')
    return found


def read_loss_weights(
    values: Sequence[float] | None, names: Sequence[str]
) -> dict[str, float]:
    """The weight of each network's losses.

    Raises:
        ValueError: If there is not one for each network, or no number of 0 or more.
    """
    for value in (found := per_network('loss_weights', values, names, 1.0)).values():
        right = type(value) in (int, float) and 0 <= value < math.inf
        expect('loss_weights', value, right, 'a number of 0 or more')
    return found


def check_test_cfg(
    test_cfg: Mapping[str, Any], predict: str, choices: Sequence[str]
) -> None:
    """Check how a model predicts.

    Args:
        test_cfg: The model's ``test_cfg``.
        predict: Whose prediction counts.
        choices: Whose prediction there is.

    Raises:
        ValueError: If the network or mode is unknown, or ``slide`` has no windows.
    """
    if predict not in choices:
        raise ValueError(
            f'test_cfg.predict: unknown network {predict!r}; expected one of '
            f'{", ".join(choices)}'
        )
    mode = test_cfg.get('mode')
    if mode not in ('whole', 'slide'):
        raise ValueError(f"test_cfg.mode: found {mode!r}, expected 'whole' or 'slide'")
    missing = {'crop_size', 'stride'} - set(test_cfg)
    if mode == 'slide' and missing:
        raise ValueError(
            f"test_cfg.{min(missing)}: missing; mode='slide' needs crop_size and "
            'stride, as in crop_size=(769, 769), stride=(513, 513)'
        )
    if mode == 'slide':
        for key in ('crop_size', 'stride'):
            right = _is_size(test_cfg[key])
            expect(f'test_cfg.{key}', test_cfg[key], right, 'height and width')


def _is_size(value: Any) -> bool:
    pair = isinstance(value, list | tuple) and len(value) == 2
    return pair and all(map(is_count, value))
