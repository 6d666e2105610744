"""Lists as words in a line."""

from collections.abc import Sequence

_SHOWN = 8


def first_of(words: Sequence[str]) -> str:
    """The first words of a list, and how many there are besides."""
    more = f' and {len(words) - _SHOWN} more' * (len(words) > _SHOWN)
    return ', '.join(words[:_SHOWN]) + more
