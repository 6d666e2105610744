from .networks_data_preprocessor import (
    NetworksDataPreProcessor,
    data_preprocessor_for,
)

__all__ = ['NetworksDataPreProcessor', 'data_preprocessor_for']
