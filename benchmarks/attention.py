"""Rows a and b: position attention of DANet."""

from collections.abc import Callable, Iterator

import torch
from mmseg.models.decode_heads.da_head import PAM

from mmseg_coop.cost.memory import peak_memory
from mmseg_coop.models.decode_heads.efficient_da_head import EfficientPAM

from .results import Measurement, Options
from .timing import in_turn

_HOST = "PAM of MMSegmentation's DAHead"


def crop(options: Options) -> Iterator[Measurement]:
    """The tokens of a crop of 768x768."""
    yield _memory(32 if options.quick else 96, 32 if options.quick else 96, 0.15)


def whole_image(options: Options) -> Iterator[Measurement]:
    """The tokens of an image of 1024x2048."""
    height, width = (32, 64) if options.quick else (128, 256)
    yield _memory(height, width, 0.05)
    x = torch.randn(1, 512, height, width)
    host, ours = PAM(512, 64), EfficientPAM(512, 64)
    with torch.no_grad():
        times = in_turn(lambda: host(x), lambda: ours(x), options.repeats)
    yield times.duration(f'{_name(height, width)}, forward', _HOST, 0.7)


def attention_memory(efficient: bool, height: int, width: int) -> float:
    """Peak memory of forward and backward in MB, 512 channels."""
    return peak_memory(_forward_backward, efficient, height, width)


def _memory(height: int, width: int, limit: float) -> Measurement:
    host, ours = (attention_memory(kind, height, width) for kind in (False, True))
    what = f'{_name(height, width)}, forward and backward'
    return Measurement(what, _HOST, 'MB', host, ours, limit)


def _name(height: int, width: int) -> str:
    return f'position attention, {height}×{width} tokens, 512 channels'


def _forward_backward(efficient: bool, height: int, width: int) -> Callable[[], None]:
    module = (EfficientPAM if efficient else PAM)(512, 64)
    x = torch.randn(1, 512, height, width, requires_grad=True)
    # Threads and kernels are set up by a small call first.
    module(torch.randn(1, 512, 8, 8)).sum().backward()
    return lambda: module(x).sum().backward()
