"""The paper's connector: concatenation and a 1x1 convolution."""

from mmseg.registry import MODELS
from torch import Tensor, nn

from .base_connector import BaseConnector


@MODELS.register_module()
class CoopConnector(BaseConnector):
    """Concatenate both feature maps, and bring the 2C channels back to C.

    "The feature map obtained from the top network can be sent to the bottom network,
    and two feature maps are concatenated" (Section 3.1). With own feature map x and
    arriving feature map y this is W [y; x] + b, computed as W_y y + W_x x + b, so that
    no concatenated copy is made. W_x starts as the identity and W_y at zero.

    With a ``width`` below C it is x + E (W_y y + W_x x) + b: W_y and W_x lead to
    ``width`` channels, which E expands to C. E starts at zero.

    Its arguments are those of ``BaseConnector``.
    """

    def _build(self, channels: int, inner: int, source_channels: int) -> None:
        self.own = nn.Conv2d(channels, inner, 1, bias=False)

    def _reset(self, start: str) -> None:
        super()._reset(start)
        if start == 'identity' and not self.narrow:
            nn.init.dirac_(self.own.weight)

    def parts(self, own: Tensor, arriving: Tensor) -> tuple[Tensor, Tensor]:
        """W_x x and W_y y + b; see :meth:`BaseConnector.parts`."""
        update = self.arriving(arriving, own.shape[-2:])
        if self.narrow:
            return own, self.expand(update + self.own(own))
        return self.own(own), update
