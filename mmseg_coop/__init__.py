"""Segmentation networks that share feature maps while they train together.

Importing this package registers everything in MMSegmentation's registries.
"""

from .quiet import quiet_imports
from .version import __version__

with quiet_imports():
    from . import datasets, engine, evaluation, models

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'models']
