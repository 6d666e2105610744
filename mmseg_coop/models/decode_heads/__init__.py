from .efficient_da_head import EfficientDAHead
from .no_head import NoHead

__all__ = ['EfficientDAHead', 'NoHead']
