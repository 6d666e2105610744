from .deployed_model import DeployedModel
from .export import FORMATS, Exported, export_model

__all__ = ['FORMATS', 'DeployedModel', 'Exported', 'export_model']
