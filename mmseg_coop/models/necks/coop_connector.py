"""Connector: fuses what a network has at a site with what arrives there."""

from mmcv.cnn import build_activation_layer, build_norm_layer
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..expect import expect, expect_bool, expect_dict, is_count
from .projection import ResizedProjection

_FUSIONS = ('concat', 'sum', 'gate')
_STARTS = ('identity', 'random')


@MODELS.register_module()
class CoopConnector(BaseModule):
    """Fuse a network's own feature map with one that arrives from another network.

    "The feature map obtained from the top network can be sent to the bottom network,
    and two feature maps are concatenated" (Section 3.1); a 1x1 convolution brings the
    2C channels back to C. With own feature map x and arriving feature map y:

    - ``concat``: W [y; x] + b, computed as W_y y + W_x x + b, so that no concatenated
      copy is made;
    - ``sum``: x + W_y y + b;
    - ``gate``: x + sigmoid(V [y; x] + c) * (W_y y + b), one gate per pixel.

    With a ``width`` below C, W_y y becomes E (W_y y), and ``concat`` becomes
    x + E (W_y y + W_x x) + b: W_y and W_x lead to ``width`` channels, which E expands
    to C.

    Args:
        channels: C of the own feature map, and of the fused one.
        source_channels: C of the arriving feature map.
        fusion: ``concat`` (the paper's), ``sum`` or ``gate``.
        start: ``identity``: W_x starts as the identity and W_y (with a ``width``, E)
            at zero, so that a pair starts as the plain ensemble and pretrained weights
            stay intact. ``random``: as any new convolution.
        width: Channels in between, for less arithmetic. Default: None, a matrix of
            full rank, as is taken where ``width`` is not below C.
        norm_cfg: Normalization after the fusion; needs ``start='random'``.
        act_cfg: Activation after the fusion; needs ``start='random'``.
        detach: No gradient reaches the network that is read.
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
        fusion: str = 'concat',
        start: str = 'identity',
        width: int | None = None,
        norm_cfg: dict | None = None,
        act_cfg: dict | None = None,
        detach: bool = False,
        align_corners: bool = False,
        init_cfg: dict | None = None,
    ):
        super().__init__(init_cfg)
        _check_option('fusion', fusion, _FUSIONS)
        _check_option('start', start, _STARTS)
        expect_bool('connector.detach', detach)
        expect_bool('connector.align_corners', align_corners)
        for name, value in (('norm_cfg', norm_cfg), ('act_cfg', act_cfg)):
            expect_dict(f'connector.{name}', value)
        if start == 'identity' and (norm_cfg or act_cfg):
            raise ValueError(
                "connector: norm_cfg and act_cfg would change a network's own "
                "feature map from the first step, which start='identity' excludes; "
                "set start='random', or leave them out"
            )
        right = width is None or is_count(width)
        expect('connector.width', width, right, '1 or more, or None for full rank')
        self.fusion = fusion
        self.detach = detach
        narrow = width is not None and width < channels
        inner = width if narrow else channels
        bias = not norm_cfg
        self.arriving = ResizedProjection(
            source_channels,
            inner,
            bias=bias and not narrow,
            align_corners=align_corners,
        )
        self.expand = nn.Conv2d(inner, channels, 1, bias=bias) if narrow else None
        if fusion == 'concat':
            self.own = nn.Conv2d(channels, inner, 1, bias=False)
        if fusion == 'gate':
            self.own_gate = nn.Conv2d(channels, 1, 1, bias=False)
            self.arriving_gate = ResizedProjection(
                source_channels, 1, bias=True, align_corners=align_corners
            )
        self.norm = build_norm_layer(norm_cfg, channels)[1] if norm_cfg else None
        self.activate = build_activation_layer(act_cfg) if act_cfg else None
        self._reset(start)

    def _reset(self, start: str) -> None:
        if start == 'random':
            for conv in (m for m in self.modules() if isinstance(m, nn.Conv2d)):
                nn.init.kaiming_normal_(conv.weight, nonlinearity='linear')
                if conv.bias is not None:
                    nn.init.zeros_(conv.bias)
            return
        last = self.arriving if self.expand is None else self.expand
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        if self.fusion == 'concat' and self.expand is None:
            nn.init.dirac_(self.own.weight)

    def forward(self, own: Tensor, arriving: Tensor) -> Tensor:
        """(N, C, H, W) and (N, source C, any H, any W) to (N, C, H, W)."""
        kept, update = self.parts(own, arriving)
        fused = kept + update
        if self.norm is not None:
            fused = self.norm(fused)
        return fused if self.activate is None else self.activate(fused)

    def parts(self, own: Tensor, arriving: Tensor) -> tuple[Tensor, Tensor]:
        """The two summands of the fusion, (N, C, H, W) each.

        Returns:
            What is kept of the own feature map, and what the arriving one adds.
        """
        if self.detach:
            arriving = arriving.detach()
        size = own.shape[-2:]
        update = self.arriving(arriving, size)
        if self.expand is not None:
            if self.fusion == 'concat':
                update = update + self.own(own)
            update = self.expand(update)
        if self.fusion == 'gate':
            gate = self.own_gate(own) + self.arriving_gate(arriving, size)
            update = gate.sigmoid() * update
        full = self.fusion == 'concat' and self.expand is None
        return (self.own(own) if full else own), update

    def extra_repr(self) -> str:
        return f'fusion={self.fusion}, detach={self.detach}'


def _check_option(name: str, found: str, expected: tuple[str, ...]) -> None:
    choices = f'one of {", ".join(expected)}'
    expect(f'connector.{name}', found, found in expected, choices)
