from ..quiet import silence_foreign_warnings
from .errors import one_line_errors

__all__ = ['one_line_errors', 'silence_foreign_warnings']
