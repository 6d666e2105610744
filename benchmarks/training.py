"""Rows c and d: a training step of a connected pair against two single networks."""

from collections.abc import Callable, Iterator
from statistics import median

import torch
from mmseg.models.segmentors import EncoderDecoder

from mmseg_coop.cost.flops import count_flops
from mmseg_coop.cost.memory import peak_memory

from .measurement import Measurement, in_turn, timed
from .models import build_host, build_pair, network_config, random_batch


def memory(quick: bool) -> Iterator[Measurement]:
    """Memory of a training step, DANet on ResNet-50, a crop of 768x768."""
    size = 128 if quick else 768
    together, in_turns, ours, recomputed = (
        peak_memory(_backward, variant, quick, size)
        for variant in ('together', 'turns', 'pair', 'with_cp')
    )
    what = f'training step of DANet, `same`, {size}×{size}, batch 1'
    both, one = 'two networks trained together', 'two networks, one after the other'
    yield Measurement(what, both, 'MB', together, ours, 0.6)
    yield Measurement(f'{what}, `with_cp`', both, 'MB', together, recomputed, 0.35)
    yield Measurement(what, one, 'MB', in_turns, ours)
    yield Measurement(f'{what}, `with_cp`', one, 'MB', in_turns, recomputed)


def time(quick: bool) -> Iterator[Measurement]:
    """Time of a training step, DeepLabV3+ on ResNet-50, two crops of 512x512."""
    size = 64 if quick else 512
    config = network_config('deeplabv3plus', quick)
    hosts = [build_host(config) for _ in range(2)]
    pair = build_pair(config)
    batch = random_batch(2, size, size)
    steps = [_step(model, batch) for model in (*hosts, pair)]
    times = in_turn(lambda: [step() for step in steps[:2]], steps[2], quick)
    theirs, ours = 2 * count_flops(steps[0]), count_flops(steps[2])
    each = median(times['ours']) / 2
    yield timed(
        f'training step of DeepLabV3+, `same`, {size}×{size}, batch 2',
        'a step of each of two networks',
        times,
        ours / theirs,
        f'networks {theirs / 1e9:.3g} GFLOPs, ours {ours / 1e9:.3g}; {each:.2f} s an '
        'image',
    )


def _backward(variant: str, quick: bool, size: int) -> Callable[[], None]:
    """Gradients of all losses of two networks, for the variant's kind of them."""
    config = network_config('danet', quick)
    if variant in ('together', 'turns'):
        models = [build_host(config).train() for _ in range(2)]
    else:
        models = [build_pair(config, with_cp=variant == 'with_cp').train()]
    batch = random_batch(1, size, size)

    def together() -> None:
        torch.stack([_total_loss(model, batch) for model in models]).sum().backward()

    def in_turns() -> None:
        for model in models:
            _total_loss(model, batch).backward()

    return in_turns if variant == 'turns' else together


def _step(model: EncoderDecoder, batch: tuple) -> Callable[[], None]:
    optimizer = torch.optim.SGD(
        model.train().parameters(), lr=0.01, momentum=0.9, weight_decay=0.0005
    )

    def step() -> None:
        optimizer.zero_grad()
        _total_loss(model, batch).backward()
        optimizer.step()

    return step


def _total_loss(model: EncoderDecoder, batch: tuple) -> torch.Tensor:
    """The sum of a model's losses, as MMEngine makes it."""
    return model.parse_losses(model.loss(*batch))[0]
