from .networks_data_preprocessor import NetworksDataPreProcessor
from .preprocessing import PADDING, data_preprocessor_for

__all__ = ['PADDING', 'NetworksDataPreProcessor', 'data_preprocessor_for']
