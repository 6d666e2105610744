"""Check options of a model, with one form of error message."""

import math
from collections.abc import Mapping
from typing import Any


def expect(key: str, found: Any, valid: bool, expected: str) -> None:
    """Raise ValueError unless an option is valid.

    Args:
        key: Its place in the config.
        found: Its value.
        valid: Whether it is one of the valid values.
        expected: Description of valid values.
    """
    if not valid:
        raise ValueError(f'{key}: found {found!r}, expected {expected}')


def expect_dict(key: str, found: Any) -> None:
    """Raise ValueError unless an option is a dict or None."""
    expect(key, found, found is None or isinstance(found, Mapping), 'a dict')


def expect_bool(key: str, found: Any) -> None:
    """Raise ValueError unless an option is True or False."""
    expect(key, found, isinstance(found, bool), 'True or False')


def is_number(value: Any, below: float = math.inf) -> bool:
    """Tell whether a value is a number of 0 or more, and below another."""
    return type(value) in (int, float) and 0 <= value < below


def is_count(value: Any) -> bool:
    """Tell whether a value is a whole number above 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
