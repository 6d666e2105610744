"""Import this to load all checkpoints safely in a process: ``custom_imports`` do."""

from .safe_load import enable_safe_loading

enable_safe_loading()
