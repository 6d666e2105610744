from .runtime import (
    build_runner,
    enable_amp,
    load_config,
    one_line_errors,
    silence_foreign_warnings,
)

__all__ = [
    'build_runner',
    'enable_amp',
    'load_config',
    'one_line_errors',
    'silence_foreign_warnings',
]
