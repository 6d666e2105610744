"""Check how a cooperative model predicts."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..expect import expect, is_count


def check_test_cfg(
    test_cfg: Mapping[str, Any], predict: str, choices: Sequence[str]
) -> None:
    """Check how a model predicts.

    Raises:
        ValueError: If the network or mode is unknown, or ``slide`` has no windows, or
            leaves pixels between them.
    """
    if predict not in choices:
        raise ValueError(
            f'test_cfg.predict: unknown network {predict!r}; expected one of '
            f'{", ".join(choices)}'
        )
    mode = test_cfg.get('mode')
    expect_mode(mode)
    missing = {'crop_size', 'stride'} - set(test_cfg)
    if mode == 'slide' and missing:
        raise ValueError(
            f"test_cfg.{min(missing)}: missing; mode='slide' needs crop_size and "
            'stride, as in crop_size=(769, 769), stride=(513, 513)'
        )
    if mode == 'slide':
        crop, stride = test_cfg['crop_size'], test_cfg['stride']
        for key, value in (('crop_size', crop), ('stride', stride)):
            expect(f'test_cfg.{key}', value, _is_size(value), 'height and width')
        covers = all(step <= size for step, size in zip(stride, crop, strict=True))
        expected = f'no more than crop_size, {tuple(crop)}: no pixel between windows'
        expect('test_cfg.stride', tuple(stride), covers, expected)


def expect_mode(mode: Any) -> None:
    """Check the mode of prediction, which can be changed on a built model, too.

    Raises:
        ValueError: If it is unknown.
    """
    known = mode in ('whole', 'slide')
    expect('test_cfg.mode', mode, known, "'whole' or 'slide'")


def _is_size(value: Any) -> bool:
    pair = isinstance(value, list | tuple) and len(value) == 2
    return pair and all(map(is_count, value))
