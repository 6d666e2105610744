from .choose import PADDING, choose_channels, data_preprocessor_for
from .networks_data_preprocessor import NetworksDataPreProcessor

__all__ = [
    'PADDING',
    'NetworksDataPreProcessor',
    'choose_channels',
    'data_preprocessor_for',
]
