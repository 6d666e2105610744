"""Base of all connectors: projection of what arrives, start, norm and activation."""

from abc import ABCMeta, abstractmethod

from mmcv.cnn import build_activation_layer, build_norm_layer
from mmengine.model import BaseModule
from torch import Tensor, nn

from ..expect import expect, expect_dict, is_count
from .projection import ResizedProjection

_STARTS = ('identity', 'random')


class BaseConnector(BaseModule, metaclass=ABCMeta):
    """Fuse a network's own feature map with one that arrives from another network.

    Derived classes write :meth:`parts`, which ``tools/analyze.py`` measures. A
    connector may be any other module, too: see docs/extending.md.

    Args:
        channels: C of the own feature map, and of the fused one.
        source_channels: C of the arriving feature map.
        start: ``identity``: nothing of what arrives is added yet, so that a pair
            starts as the plain ensemble and pretrained weights stay intact.
            ``random``: as any new convolution.
        width: Channels in between, for fewer FLOPs. Default: None, a matrix of full
            rank, which a ``width`` of C or more also gives.
        norm_cfg: Normalization after the fusion; needs ``start='random'``.
        act_cfg: Activation after the fusion; needs ``start='random'``.
        align_corners: As in ``torch.nn.functional.interpolate``, for an arriving
            feature map of another size.
        init_cfg: As in MMEngine's ``BaseModule``.

    Raises:
        ValueError: If an option is unknown, or options contradict each other.
    """

    def __init__(
        self,
        channels: int,
        source_channels: int,
        start: str = 'identity',
        width: int | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        align_corners: bool = False,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        expected = f'one of {", ".join(_STARTS)}'
        expect('connector.start', start, start in _STARTS, expected)
        for name, value in (('norm_cfg', norm_cfg), ('act_cfg', act_cfg)):
            expect_dict(f'connector.{name}', value)
        if start == 'identity' and (norm_cfg or act_cfg):
            raise ValueError(
                "connector: norm_cfg and act_cfg would change a network's own "
                "feature map from the first step, which start='identity' excludes; "
                "set start='random', or leave them out"
            )
        valid = width is None or is_count(width)
        expect('connector.width', width, valid, '1 or more, or None for full rank')
        # Registered first: code that folds a norm into the convolution registered
        # before it must not take a convolution of one summand.
        self.norm = (
            build_norm_layer(norm_cfg, channels)[1] if norm_cfg else nn.Identity()
        )
        self.activate = build_activation_layer(act_cfg) if act_cfg else nn.Identity()
        self.narrow = width is not None and width < channels
        inner = width if self.narrow else channels
        bias = not norm_cfg
        self.arriving = ResizedProjection(
            source_channels, inner, bias and not self.narrow, align_corners
        )
        self.expand = (
            nn.Conv2d(inner, channels, 1, bias=bias) if self.narrow else nn.Identity()
        )
        self._build(channels, inner, source_channels)
        self._reset(start)

    def _build(self, channels: int, inner: int, source_channels: int) -> None:
        """Build the other modules of a fusion."""

    def _reset(self, start: str) -> None:
        if start == 'random':
            for conv in (m for m in self.modules() if isinstance(m, nn.Conv2d)):
                nn.init.kaiming_normal_(conv.weight, nonlinearity='linear')
                if conv.bias is not None:
                    nn.init.zeros_(conv.bias)
            return
        last = self.expand if self.narrow else self.arriving
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, own: Tensor, arriving: Tensor) -> Tensor:
        """(N, C, H, W) and (N, source C, any H, any W) to (N, C, H, W)."""
        kept, update = self.parts(own, arriving)
        return self.activate(self.norm(kept + update))

    @abstractmethod
    def parts(self, own: Tensor, arriving: Tensor) -> tuple[Tensor, Tensor]:
        """The two summands of the fusion, (N, C, H, W) each.

        Returns:
            What is kept of the own feature map, and what the arriving one adds.
        """
