"""Check how a cooperative model predicts."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..expect import expect, is_count


def check_test_cfg(
    test_cfg: Mapping[str, Any], predict: str, choices: Sequence[str]
) -> None:
    """Check the selected prediction, the mode, and that windows cover an image."""
    expected = f'one of {", ".join(choices)}'
    expect('test_cfg.predict', predict, predict in choices, expected)
    expect_mode(test_cfg.get('mode'))
    if test_cfg.get('mode') == 'slide':
        crop, stride = (test_cfg.get(key) for key in ('crop_size', 'stride'))
        for key, value in (('crop_size', crop), ('stride', stride)):
            valid = isinstance(value, list | tuple) and len(value) == 2
            valid = valid and all(map(is_count, value))
            expected = "height and width, as mode='slide' needs"
            expect(f'test_cfg.{key}', value, valid, expected)
        covers = all(step <= size for step, size in zip(stride, crop, strict=True))
        expected = f'no more than crop_size, {tuple(crop)}: no pixel between windows'
        expect('test_cfg.stride', tuple(stride), covers, expected)


def expect_mode(mode: Any) -> None:
    """Check the mode of prediction, which can be changed on a built model, too."""
    known = mode in ('whole', 'slide')
    expect('test_cfg.mode', mode, known, "'whole' or 'slide'")
