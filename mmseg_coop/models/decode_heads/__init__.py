from .efficient_da_head import EfficientDAHead

__all__ = ['EfficientDAHead']
