"""Row f: prediction in overlapping windows."""

import time
from collections.abc import Callable, Iterator

import torch
from mmengine.config import ConfigDict
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor

from mmseg_coop.cost.memory import peak_memory
from mmseg_coop.cost.timing import seconds

from .models import build_host, build_pair, network_config
from .results import Measurement, Options
from .timing import in_turn

_HOST = 'EncoderDecoder.slide_inference'


def windows(options: Options) -> Iterator[Measurement]:
    """DeepLabV3+ on ResNet-18, an image of 1024x2048, one network on each side."""
    quick = options.quick
    height, width = (128, 256) if quick else (1024, 2048)
    what = f'`slide` prediction of DeepLabV3+, ResNet-18, {height}×{width}'
    image = torch.randn(1, 3, height, width)
    host, ours = (_build(kind, quick) for kind in (False, True))
    ours.networks.bottom.load_state_dict(host.state_dict())
    times = in_turn(
        lambda: _predict(host, image), lambda: _predict(ours, image), options.repeats
    )
    durations: list[float] = []
    host.encode_decode = _clocked(host.encode_decode, durations)
    total = seconds(lambda: _predict(host, image))
    share = sum(durations) / total
    yield times.speed(
        what,
        _HOST,
        1,
        1.3,
        f"windows themselves take {share:.0%} of MMSegmentation's time: without the "
        f'rest it would be {1 / share:.2f} times as fast',
    )
    peaks = [peak_memory(_prepare, kind, quick, height, width) for kind in (0, 1)]
    yield Measurement(what, _HOST, 'MB', *peaks, 1.0)


def _clocked(call: Callable, times: list[float]) -> Callable:
    """Wrap a call to append its seconds to a list."""

    def clocked(*args) -> Tensor:
        start = time.perf_counter()
        found = call(*args)
        times.append(time.perf_counter() - start)
        return found

    return clocked


def _config(quick: bool) -> ConfigDict:
    config = network_config('deeplabv3plus', quick, depth=18)
    config.test_cfg = dict(mode='slide', crop_size=(769, 769), stride=(513, 513))
    if quick:
        config.test_cfg.update(crop_size=(97, 97), stride=(65, 65))
    else:
        # A ResNet-18 has a quarter of the channels; heads as in MMSegmentation's
        # deeplabv3plus_r18-d8.
        config.decode_head.update(
            in_channels=512, channels=128, c1_in_channels=64, c1_channels=12
        )
        config.auxiliary_head.update(in_channels=256, channels=64)
    return config


def _build(cooperative: bool, quick: bool) -> EncoderDecoder:
    config = _config(quick)
    if not cooperative:
        return build_host(config).eval()
    config.test_cfg.predict = 'bottom'
    return build_pair(config, None).eval()


@torch.no_grad()
def _predict(model: EncoderDecoder, image: Tensor) -> Tensor:
    shape = tuple(image.shape[2:])
    return model.inference(image, [dict(img_shape=shape, ori_shape=shape)])


def _prepare(
    cooperative: bool, quick: bool, height: int, width: int
) -> Callable[[], Tensor]:
    model = _build(cooperative, quick)
    image = torch.randn(1, 3, height, width)
    return lambda: _predict(model, image)
