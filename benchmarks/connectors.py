"""Row i: FLOPs of connectors, beside those of the two networks."""

from collections.abc import Iterator

import torch
from mmengine.config import ConfigDict

from mmseg_coop.cost.flops import count_flops
from mmseg_coop.models.segmentors import CooperativeEncoderDecoder

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
    config: ConfigDict,
    size: int,
    connections: dict = SAME,
    training: bool = False,
) -> tuple[int, int]:
    """Count FLOPs of a forward pass of a square image: connectors, two networks."""
    with torch.device('meta'):
        pairs = build_pair(config, None), build_pair(config, connections)
    networks, connected = (_flops(pair, size, training) for pair in pairs)
    return connected - networks, networks


def _flops(model: CooperativeEncoderDecoder, size: int, training: bool) -> int:
    """Count FLOPs of all networks up to their logits."""
    names = model.eval().plan.networks
    image = torch.empty(1, 3, size, size, device='meta')

    def heads(name: str) -> None:
        network = model.networks[name]
        features = network.extract_feat(image)
        network.decode_head(features)
        if training and network.with_auxiliary_head:
            network.auxiliary_head(features)

    with torch.no_grad():
        return count_flops(lambda: model.plan.run(heads, names, (size, size)))
