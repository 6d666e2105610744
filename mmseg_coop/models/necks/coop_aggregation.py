"""Aggregation of the feature maps of several sites into one."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..expect import expect, is_count
from .projection import ResizedProjection


@MODELS.register_module()
class CoopAggregation(BaseModule):
    """Aggregate feature maps "from the shallow to deep layer", Section 3.3.

    Each is projected to a common width by a 1x1 convolution, and "interpolated ...
    to be the same size": that of the finest, to "use both fine and semantic
    information"; their sum is what is sent.

    Args:
        in_channels: C of each feature map.
        strides: Stride of each feature map, in pixels of the input.
        width: Channels of the sum. Default: 256.
        align_corners: As in ``torch.nn.functional.interpolate``.
        init_cfg: As in MMEngine's ``BaseModule``.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        strides: Sequence[int],
        width: int = 256,
        align_corners: bool = False,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        valid, expected = is_count(width), 'a number of channels'
        expect('aggregation.width', width, valid, expected)
        self.out_channels = width
        self.finest = list(strides).index(min(strides))
        self.arriving = nn.ModuleList(
            ResizedProjection(channels, width, align_corners=align_corners)
            for channels in in_channels
        )
        for projection in self.arriving:
            nn.init.kaiming_normal_(projection.weight, nonlinearity='linear')

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Feature maps (N, C_i, H_i, W_i) to one, (N, width, H, W)."""
        size = features[self.finest].shape[-2:]
        total = self.arriving[0](features[0], size)
        for projection, feature in zip(self.arriving[1:], features[1:], strict=True):
            total = total + projection(feature, size)
        return total
