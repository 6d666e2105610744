"""A 1x1 convolution together with a resizing, the cheaper of the two first."""

from torch import Tensor, nn
from torch.nn.functional import interpolate

from ..exporting import is_exporting


class ResizedProjection(nn.Conv2d):
    """1x1 convolution to other channels, and bilinear resizing to another size.

    Both are linear over space and channels, so that they commute: a feature map
    that grows is projected first, one that shrinks is resized first. For
    ``align_corners`` see ``torch.nn.functional.interpolate``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bias: bool = False,
        align_corners: bool = False,
    ):
        super().__init__(in_channels, out_channels, kernel_size=1, bias=bias)
        self.align_corners = align_corners

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """(N, in_channels, H, W) to (N, out_channels, *size)."""
        # Comparing sizes would restrict a recorded graph to images of some sizes.
        if is_exporting() or x.shape[-2] * x.shape[-1] < size[0] * size[1]:
            return self._resize(super().forward(x), size)
        if x.shape[-2:] == tuple(size):
            return super().forward(x)
        return super().forward(self._resize(x, size))

    def _resize(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        return interpolate(x, size, mode='bilinear', align_corners=self.align_corners)
