"""Segmentation networks that share feature maps while they train together.

Importing this package registers everything in MMSegmentation's registries.
"""

from . import datasets, engine, evaluation, models
from .version import __version__

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'models']
