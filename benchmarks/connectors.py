"""Row i: FLOPs of connectors, beside those of the two networks."""

from collections.abc import Iterator

import torch
from mmengine.config import ConfigDict

from mmseg_coop.cost.flops import prediction_flops

from .measurement import Measurement
from .models import SAME, build_pair, network_config

_LIMITS = {'same': 0.10, 'multi': 0.12}


def share(quick: bool) -> Iterator[Measurement]:
    """FLOPs of connectors, both patterns, on ResNet-101 at 769x769."""
    size = 129 if quick else 769
    for network in ('danet', 'deeplabv3plus'):
        config = network_config(network, quick, depth=101)
        for pattern, limit in _LIMITS.items():
            for width in (None, 256):
                connections = dict(pattern=pattern, connector=dict(width=width))
                added, networks = connectors_flops(config, size, connections)
                narrow = f', `width={width}`' if width else ''
                yield Measurement(
                    f'connectors of `{pattern}`{narrow}, {network}, {size}×{size}',
                    'its two networks',
                    'GFLOPs',
                    networks / 1e9,
                    added / 1e9,
                    limit,
                )


def connectors_flops(
    config: ConfigDict, size: int, connections: dict = SAME
) -> tuple[int, int]:
    """Count FLOPs of predicting a square image: connectors, two networks."""
    options = dict(test_cfg=dict(mode='whole', predict='mean'))
    with torch.device('meta'):
        pairs = [build_pair(config, c, **options) for c in (None, connections)]
    networks, connected = (prediction_flops(pair, (3, size, size)) for pair in pairs)
    return connected - networks, networks
