"""Row e: a prediction of a connected pair against that of two single networks."""

from collections.abc import Iterator

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

from mmseg_coop.cost.flops import prediction_flops
from mmseg_coop.models.image_meta import image_meta

from .measurement import Measurement, in_turn, timed
from .models import SAME, build_host, build_pair, network_config

_BACKBONE = tuple(f'backbone.layer{i}' for i in range(1, 5))
# What is added to the pattern, and the ratio to reach.
_VARIANTS = {
    '': ({}, 0.95),
    ', `width=256`': (dict(connector=dict(width=256)), None),
    ', sites of the backbone only': (dict(sites=_BACKBONE), None),
}


def bottom(quick: bool) -> Iterator[Measurement]:
    """Time of a prediction, both networks on ResNet-50, an image of 512x1024."""
    height, width = (64, 128) if quick else (512, 1024)
    image = torch.randn(1, 3, height, width)
    for network in ('deeplabv3plus', 'danet'):
        config = network_config(network, quick)
        hosts = [build_host(config).eval() for _ in range(2)]
        theirs = 2 * prediction_flops(hosts[0], (3, height, width))
        for name, (changes, limit) in _VARIANTS.items():
            pair = build_pair(config, SAME | changes).eval()
            ours = prediction_flops(pair, (3, height, width))
            times = in_turn(
                lambda hosts=hosts: average(hosts, image),
                lambda pair=pair: average([pair], image),
                quick,
            )
            yield timed(
                f'prediction of {network} with `bottom` of `same`{name}, '
                f'{height}×{width}',
                'two networks, averaged',
                times,
                limit,
                f'networks {theirs / 1e9:.3g} GFLOPs, ours {ours / 1e9:.3g}: '
                f'{ours / theirs:.2f}',
            )


@torch.no_grad()
def average(models: list[EncoderDecoder], image: Tensor) -> Tensor:
    """The class of each pixel, (1, H, W), by the mean of the models' probabilities."""
    metas = [image_meta(image.shape[2:])]
    probabilities = [model.inference(image, metas).softmax(1) for model in models]
    return torch.stack(probabilities).mean(0).argmax(1)
