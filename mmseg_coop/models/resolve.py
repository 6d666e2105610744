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
    if not isinstance(kind, str):
        return kind if callable(kind) else None
    # MMEngine would take '.A' and 'mmpretrain..A' for relative imports.
    if kind.startswith('.') or '..' in kind:
        return None
    try:
        found = registry.get(kind)
    except RuntimeError:
        # A module that can't be imported, or no name at all.
        return None
    return found if callable(found) else None
