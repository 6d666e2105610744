"""Resolution of a config's ``type``, however it is spelt."""

from collections.abc import Callable
from typing import Any

from mmengine.registry import Registry
from mmseg.registry import MODELS


def resolve(kind: Any, registry: Registry = MODELS) -> Callable | None:
    """The class or function that a ``type`` stands for.

    Args:
        kind: A name (``'DAHead'``), with its scope (``'mmseg.DAHead'``) or its module
            (as MMEngine writes down configs in Python style), or the class itself.
        registry: Where names are looked up.

    Returns:
        None if there is no such class.
    """
    try:
        found = registry.get(kind) if isinstance(kind, str) else kind
    except (RuntimeError, TypeError):
        # A module that can't be imported, or that has no name, as in '.A'.
        return None
    return found if callable(found) else None
