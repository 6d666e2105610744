from .choose import PADDING, data_preprocessor_for
from .networks_data_preprocessor import NetworksDataPreProcessor

__all__ = [
    'PADDING',
    'NetworksDataPreProcessor',
    'data_preprocessor_for',
]
