"""Connector that adds what arrives."""

from mmseg.registry import MODELS
from torch import Tensor

from .base_connector import BaseConnector


@MODELS.register_module()
class SumConnector(BaseConnector):
    """x + W_y y + b, with own feature map x and arriving feature map y.

    With a ``width`` below C, W_y is a product of two matrices of that rank.

    Its arguments are those of ``BaseConnector``.
    """

    def parts(self, own: Tensor, arriving: Tensor) -> tuple[Tensor, Tensor]:
        """x and W_y y + b; see :meth:`BaseConnector.parts`."""
        return own, self.expand(self.arriving(arriving, own.shape[-2:]))
