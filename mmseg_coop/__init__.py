"""Segmentation networks that share feature maps while they train together.

Importing this package registers everything in MMSegmentation's registries.
"""

from . import models

__all__ = ['models']
