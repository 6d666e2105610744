"""Preprocessing where networks see different channels, or normalize differently."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn


@dataclass(frozen=True)
class View:
    """View of images that a network gets; networks with equal ones share it.

    Attributes:
        name: The network.
        inputs: Channels of the image that it sees; None for all.
        count: How many channels it takes.
        config: Config of its data preprocessor.
    """

    name: str = field(compare=False)
    inputs: Sequence[int] | None
    count: int
    config: Mapping[str, Any]


class NetworksDataPreProcessor(BaseDataPreprocessor):
    """Give each network its own channels, converted and normalized by its own options.

    The networks' images stand side by side in the channels of one tensor. Each is, bit
    for bit, what MMSegmentation's preprocessor gives for its channels alone.

    Args:
        views: What networks see, all different; they pad alike.
        channels: Channels of the image, as far as the model's config tells.
    """

    def __init__(self, views: Sequence[View], channels: int = 0):
        super().__init__()
        self.channels = channels
        self.views = tuple(views)
        self.preprocessors = nn.ModuleList(MODELS.build(view.config) for view in views)
        # Of a training crop, as SegDataPreProcessor has it.
        self.size = getattr(self.preprocessors[0], 'size', None)

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """See ``SegDataPreProcessor``; the images have the channels of all networks."""
        samples = data.get('data_samples')
        results: list[dict[str, Any]] = []
        for view, preprocessor in zip(self.views, self.preprocessors, strict=True):
            images = [
                _select(image, view, samples[i] if samples else None)
                for i, image in enumerate(data['inputs'])
            ]
            if results and samples is not None:
                # Labels are padded once, with the first.
                samples = [SegDataSample(metainfo=dict(s.metainfo)) for s in samples]
            own = dict(inputs=images, data_samples=samples)
            results.append(preprocessor(own, training))
        joined = torch.cat([result['inputs'] for result in results], dim=1)
        return dict(results[0], inputs=joined)


def _select(image: Tensor, view: View, sample: SegDataSample | None) -> Tensor:
    """The channels (C, H, W) that a network sees."""
    found, inputs = len(image), view.inputs
    if inputs is None:
        valid, expected = found == view.count, f'{view.count}, or inputs that choose'
    else:
        valid, expected = max(inputs) < found, f'those of inputs={list(inputs)}'
    if not valid:
        path = sample.metainfo.get('img_path') if sample is not None else None
        raise ValueError(
            f'{path or "image"}: found {found} channels, expected {expected} for '
            f'network {view.name}; the pipeline has to load all modalities into one '
            'image'
        )
    return image if inputs is None else image[list(inputs)]
