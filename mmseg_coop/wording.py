"""Lists and errors as words in a line."""

from collections.abc import Sequence

_SHOWN = 8


def first_of(words: Sequence[str]) -> str:
    """The first words of a list, and how many there are besides."""
    more = f' and {len(words) - _SHOWN} more' * (len(words) > _SHOWN)
    return ', '.join(words[:_SHOWN]) + more


def first_line(error: BaseException) -> str:
    """The kind of an error and the first line of its message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kind = type(error).__name__
    return f'{kind}: {lines[0][:200]}' if lines else kind
