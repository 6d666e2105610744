from .packaged_configs import enable_config_scopes
from .predict import Prediction, Predictor
from .runner import build_runner, enable_amp, load_config, read_config

__all__ = [
    'Prediction',
    'Predictor',
    'build_runner',
    'enable_amp',
    'enable_config_scopes',
    'load_config',
    'read_config',
]
