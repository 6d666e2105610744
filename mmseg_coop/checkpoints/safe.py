"""Switch on safe loading of checkpoints by an import, for ``custom_imports``."""

from .safe_load import enable_safe_loading

enable_safe_loading()
