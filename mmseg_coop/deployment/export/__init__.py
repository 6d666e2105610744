from .deployed_model import DeployedModel
from .export import FORMATS, Exported, Options, check_options, export_model

__all__ = [
    'FORMATS',
    'DeployedModel',
    'Exported',
    'Options',
    'check_options',
    'export_model',
]
