"""Every connector and aggregation, with feature maps to fuse."""

from dataclasses import dataclass
from typing import Any

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

# A new one is tested by a line here.
CONNECTORS = {
    'concat': dict(type='CoopConnector'),
    'concat-narrow': dict(type='CoopConnector', width=3),
    'sum': dict(type='SumConnector'),
    'sum-narrow': dict(type='SumConnector', width=3),
    'gate': dict(type='GateConnector'),
    'gate-narrow': dict(type='GateConnector', width=3),
}
AGGREGATIONS = {'sum of projections': dict(type='CoopAggregation', width=8)}


def features(height: int = 5, width: int = 7) -> tuple[Tensor, Tensor]:
    """Two feature maps: a network's own, and one that arrives, of any size."""
    return torch.randn(2, 8, 5, 7), torch.randn(2, 6, height, width)


@dataclass
class Fusion:
    """A connector or an aggregation."""

    config: dict[str, Any]
    aggregates: bool = False

    def build(self, **options) -> nn.Module:
        """Build it; a connector whose start uses what arrives."""
        if self.aggregates:
            built = dict(in_channels=[8, 6], strides=[4, 8])
        else:
            built = dict(channels=8, source_channels=6, start='random')
        return MODELS.build({**self.config, **built, **options})

    def arguments(self, own: Tensor, arriving: Tensor) -> tuple:
        """Arguments of its forward."""
        return ([own, arriving],) if self.aggregates else (own, arriving)


FUSIONS = {name: Fusion(config) for name, config in CONNECTORS.items()}
FUSIONS |= {name: Fusion(config, True) for name, config in AGGREGATIONS.items()}
