"""Measure parameters, FLOPs, latency and memory of models, side by side."""

import copy
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import revert_sync_batchnorm
from mmengine.structures import PixelData
from mmengine.utils import import_modules_from_strings
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import DATASETS, MODELS
from mmseg.structures import SegDataSample
from torch import Tensor

from ..config_types import use_scope
from ..models.image_meta import image_meta
from ..models.segmentors.init_checkpoints import without_inits
from ..unwrap import unwrap
from .cost import Cost
from .flops import count_flops
from .memory import peak_memory
from .timing import seconds_in_turn

# Options for weights at the start, which have no cost.
_STARTS = ('init', 'init_cfg', 'networks_init', 'pretrained')
# Batch norm needs more than one value of a channel in training.
_BATCH = 2


def measure_costs(configs: Mapping[str, Config], rounds: int = 7) -> dict[str, Cost]:
    """Measure models side by side, with one thread on the CPU.

    Predicted is the first image of the test data, from loaded image to label map. The
    models run in turn, under the same load of the machine, with random weights.
    """
    images = {
        label: DATASETS.build(copy.deepcopy(config.test_dataloader.dataset))[0]
        for label, config in configs.items()
    }
    models = {label: build_model(config) for label, config in configs.items()}
    calls = {label: _prediction(models[label], images[label]) for label in configs}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times = seconds_in_turn(calls, rounds)
    torch.set_num_threads(threads)
    return {
        label: Cost(
            parameters=sum(p.numel() for p in models[label].parameters()),
            training_flops=training_flops(config, images[label]),
            prediction_flops=count_flops(calls[label]),
            latency=median(times[label]),
            latency_spread=(min(times[label]), max(times[label])),
            memory=peak_memory(_rebuilt_prediction, config, images[label])
            if sys.platform == 'linux'
            else None,
            model=hash_of_measured(config),
        )
        for label, config in configs.items()
    }


def build_model(config: Config) -> EncoderDecoder:
    """Build a config's model with random weights, in evaluation mode."""
    # Checkpoints that networks start from may be gone.
    model = MODELS.build(without_inits(config.model))
    return revert_sync_batchnorm(model).eval()


def hash_of_measured(config: Config) -> str:
    """Hash of what costs depend on: the model, without its start, and the test data."""
    model = _without_starts(config.model.to_dict())
    data = config.test_dataloader.dataset.to_dict()
    text = json.dumps([model, data], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _without_starts(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_starts(v) for k, v in value.items() if k not in _STARTS}
    return list(map(_without_starts, value)) if isinstance(value, list) else value


def training_flops(config: Config, item: dict) -> int | None:
    """Count the FLOPs of a training step, per image, on the meta device.

    Losses are replaced by sums of logits: they are a few operations per pixel, and
    read values of tensors. The size of images is ``data_preprocessor.size``, or else
    that of an item of the data.

    Returns:
        None if a head reads values of tensors.
    """
    model = unwrap(build_model(config))
    # Of test-time augmentation the first view.
    item = {k: v[0] if isinstance(v, list) else v for k, v in item.items()}
    batch = model.data_preprocessor(pseudo_collate([item]), False)
    channels = batch['inputs'].shape[1]
    model = model.train().to('meta')
    size = tuple(model.data_preprocessor.size or item['inputs'].shape[-2:])
    for module in model.modules():
        if isinstance(module, BaseDecodeHead):
            module.loss_by_feat = _sum_of_logits
    images = torch.empty(_BATCH, channels, *size, device='meta')
    label = PixelData(data=torch.empty(1, *size, dtype=torch.long, device='meta'))
    meta = image_meta(size)
    samples = [SegDataSample(metainfo=meta, gt_sem_seg=label) for _ in range(_BATCH)]

    def step() -> None:
        model.parse_losses(model.loss(images, samples))[0].backward()

    try:
        return count_flops(step) // _BATCH
    except (NotImplementedError, RuntimeError):
        return None


def _sum_of_logits(logits: Tensor | tuple[Tensor, ...], _samples: list) -> dict:
    parts = logits if isinstance(logits, tuple | list) else [logits]
    return dict(loss=sum(part.sum() for part in parts))


def _prediction(model: EncoderDecoder, item: dict) -> Callable[[], object]:
    @torch.no_grad()
    def predict() -> object:
        # A copy: test_step changes its batch.
        return model.test_step(pseudo_collate([copy.copy(item)]))

    return predict


def _rebuilt_prediction(config: Config, item: dict) -> Callable[[], object]:
    """Build a model's prediction in the process that measures memory."""
    if config.get('custom_imports'):
        import_modules_from_strings(**config.custom_imports)
    use_scope(config)
    torch.set_num_threads(1)
    predict = _prediction(build_model(config), item)
    # The first call sets up libraries.
    predict()
    return predict
