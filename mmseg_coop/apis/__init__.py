from ..quiet import silence_foreign_warnings
from .errors import one_line_errors
from .predict import Prediction, Predictor
from .runtime import build_runner, cpu_has_bfloat16, enable_amp, load_config

__all__ = [
    'Prediction',
    'Predictor',
    'build_runner',
    'cpu_has_bfloat16',
    'enable_amp',
    'load_config',
    'one_line_errors',
    'silence_foreign_warnings',
]
