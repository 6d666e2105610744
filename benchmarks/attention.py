"""Rows a and b: position attention of DANet."""

from collections.abc import Callable, Iterator

import torch
from mmseg.models.decode_heads.da_head import PAM

from mmseg_coop.cost.memory import peak_memory
from mmseg_coop.models.decode_heads.efficient_da_head import EfficientPAM

from .measurement import Measurement, in_turn, timed

_HOST = "PAM of MMSegmentation's DAHead"


def crop(quick: bool) -> Iterator[Measurement]:
    """Memory of position attention, a crop of 768x768."""
    side = 32 if quick else 96
    yield _memory(side, side, 0.15)


def whole_image(quick: bool) -> Iterator[Measurement]:
    """Memory and time of position attention, an image of 1024x2048."""
    height, width = (32, 64) if quick else (128, 256)
    yield _memory(height, width, 0.05)
    x = torch.randn(1, 512, height, width)
    host, ours = PAM(512, 64), EfficientPAM(512, 64)
    with torch.no_grad():
        times = in_turn(lambda: host(x), lambda: ours(x), quick)
    yield timed(f'{_name(height, width)}, forward', _HOST, times, 0.7)


def _memory(height: int, width: int, limit: float) -> Measurement:
    host, ours = (
        peak_memory(_forward_backward, kind, height, width)
        for kind in (PAM, EfficientPAM)
    )
    what = f'{_name(height, width)}, forward and backward'
    return Measurement(what, _HOST, 'MB', host, ours, limit)


def _name(height: int, width: int) -> str:
    return f'position attention, {height}×{width} tokens, 512 channels'


def _forward_backward(kind: type, height: int, width: int) -> Callable[[], None]:
    module = kind(512, 64)
    x = torch.randn(1, 512, height, width, requires_grad=True)
    # Threads and kernels are set up by a small call first.
    module(torch.randn(1, 512, 8, 8)).sum().backward()
    return lambda: module(x).sum().backward()
