"""Read and check options of a cooperative model."""

from collections.abc import Mapping, Sequence
from typing import Any


def network_names(count: int) -> tuple[str, ...]:
    """Names of so many networks.

    Raises:
        ValueError: If there are fewer than two.
    """
    if count < 2:
        raise ValueError(
            f'num_networks: found {count}, expected at least 2; for one network use '
            "type='EncoderDecoder'"
        )
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
    if isinstance(values, str) or len(values) != len(names):
        raise ValueError(
            f'{key}: found {values!r}, expected a list with a value for each of '
            f'{", ".join(names)}'
        )
    return dict(zip(names, values, strict=True))


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
