"""Placeholder of the decode head of a network that is only read by others."""

import math
from collections.abc import Sequence
from typing import Any

from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor

from ..plan.run import is_recording
from ..sites.dry_run_record import tensors


@MODELS.register_module()
class NoHead(BaseModule):
    """No decode head: the network ends before it, as others read its backbone only.

    Its options are those that all networks share; see ``BaseDecodeHead``.
    """

    def __init__(
        self,
        num_classes: int,
        out_channels: int,
        threshold: float | None = None,
        align_corners: bool = False,
        ignore_index: int = 255,
    ):
        super().__init__()
        self.num_classes = num_classes
        self.out_channels = out_channels
        self.threshold = threshold
        self.align_corners = align_corners
        self.ignore_index = ignore_index

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Logits' shape, (N, out_channels, H, W), for the dry run that finds sites."""
        last = features[-1]
        # Where a graph is recorded, what nobody reads is dropped from it; who reads it
        # gets NaN.
        if not (last.is_meta or is_recording()):
            raise ValueError(
                'the network has no decode head, since others only read its backbone; '
                'predict with another one (test_cfg.predict)'
            )
        others = sum(x.mean() for x in tensors(features[:-1]))
        one = last.mean(1, keepdim=True) + others
        return one.expand(-1, self.out_channels, -1, -1) * math.nan

    def predict(
        self, features: Sequence[Tensor], batch_img_metas: Any, test_cfg: Any
    ) -> Tensor:
        """As ``forward``."""
        return self(features)

    def loss(
        self, features: Sequence[Tensor], data_samples: Any, train_cfg: Any
    ) -> dict[str, Tensor]:
        """As ``forward``: there is no loss."""
        self(features)
        return {}
