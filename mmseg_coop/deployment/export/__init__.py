from .deployed_model import DeployedModel
from .export import FORMATS, Exported, Options, export_model

__all__ = ['FORMATS', 'DeployedModel', 'Exported', 'Options', 'export_model']
