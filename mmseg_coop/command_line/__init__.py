from .arguments import (
    add_common_arguments,
    add_config_options,
    add_loading_arguments,
    add_trust_argument,
    check_folder,
    run_tool,
)
from .errors import one_line_errors

__all__ = [
    'add_common_arguments',
    'add_config_options',
    'add_loading_arguments',
    'add_trust_argument',
    'check_folder',
    'one_line_errors',
    'run_tool',
]
