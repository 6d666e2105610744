"""Connector that adds what arrives where a gate lets it through."""

from mmseg.registry import MODELS
from torch import Tensor, nn

from .base_connector import BaseConnector
from .projection import ResizedProjection


@MODELS.register_module()
class GateConnector(BaseConnector):
    """x + sigmoid(V [y; x] + c) * (W_y y + b): one gate for each pixel.

    x is the own feature map and y the arriving one. With a ``width`` below C, W_y is a
    product of two matrices of that rank.

    Its arguments are those of ``BaseConnector``.
    """

    def _build(self, channels: int, inner: int, source_channels: int) -> None:
        self.own_gate = nn.Conv2d(channels, 1, 1, bias=False)
        align_corners = self.arriving.align_corners
        self.arriving_gate = ResizedProjection(source_channels, 1, True, align_corners)

    def parts(self, own: Tensor, arriving: Tensor) -> tuple[Tensor, Tensor]:
        """x and the gated update; see :meth:`BaseConnector.parts`."""
        size = own.shape[-2:]
        update = self.expand(self.arriving(arriving, size))
        gate = self.own_gate(own) + self.arriving_gate(arriving, size)
        return own, gate.sigmoid() * update
