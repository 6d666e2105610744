"""Row compile: ``compile=True`` in training and testing."""

from collections.abc import Callable, Iterator
from timeit import timeit

import torch
from mmengine.optim import OptimWrapper
from mmseg.models.segmentors import EncoderDecoder

from mmseg_coop.engine.evaluation_loops import predict_batch

from .measurement import Measurement, in_turn, timed
from .models import build_pair, network_config, random_batch


def compiled(quick: bool) -> Iterator[Measurement]:
    """A training step and a prediction of the small pair for CamVid, compiled."""
    size = (64, 96) if quick else (180, 240)
    images, samples = random_batch(2 if quick else 8, *size)
    batch = dict(inputs=list(images), data_samples=samples)
    for name, method in (('training step', _train), ('prediction', _predict)):
        plain, ours = (method(batch, compile) for compile in (False, True))
        first = timeit(ours, number=1)
        yield timed(
            f'{name} of DeepLabV3+, ResNet-18, `same`, compiled',
            'the same, not compiled',
            in_turn(plain, ours, quick),
            note=f'the first call takes {first:.0f} s',
        )


def _train(batch: dict, compile: bool) -> Callable[[], object]:
    model = _pair().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    wrapper = OptimWrapper(optimizer)
    # As MMEngine's Runner does it.
    step = torch.compile(model.train_step) if compile else model.train_step
    return lambda: step(batch, optim_wrapper=wrapper)


def _predict(batch: dict, compile: bool) -> Callable[[], object]:
    model = _pair().eval()
    # As CoopTestLoop does it.
    step = torch.compile(predict_batch) if compile else predict_batch
    return torch.no_grad()(lambda: step(model, batch))


def _pair() -> EncoderDecoder:
    return build_pair(network_config('deeplabv3plus', quick=True))
