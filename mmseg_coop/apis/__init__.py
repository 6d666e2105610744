from ..quiet import silence_foreign_warnings
from .runtime import (
    build_runner,
    enable_amp,
    load_config,
    one_line_errors,
)

__all__ = [
    'build_runner',
    'enable_amp',
    'load_config',
    'one_line_errors',
    'silence_foreign_warnings',
]
