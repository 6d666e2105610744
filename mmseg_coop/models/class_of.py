"""Class of a config's ``type``."""

from typing import Any

from mmengine.registry import Registry
from mmseg.registry import MODELS


def class_of(kind: Any, registry: Registry = MODELS) -> Any:
    """The class of a ``type``, or the name itself where the registry has none."""
    if not isinstance(kind, str):
        return kind
    try:
        return registry.get(kind) or kind
    except RuntimeError:
        # A module that can't be imported.
        return kind
