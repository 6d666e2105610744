"""Preprocessing where networks see different channels, or normalize differently."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import Tensor, nn


@dataclass(frozen=True)
class View:
    """View of images that a network gets: channels, mean and std.

    Attributes:
        name: The network.
        inputs: Channels of the image that it sees; None for all.
        count: How many channels it takes.
        config: Config of its data preprocessor.
    """

    name: str
    inputs: Sequence[int] | None
    count: int
    config: Mapping[str, Any]

    def is_like(self, other: 'View') -> bool:
        """Tell whether another network sees the same."""
        parts = ('inputs', 'count', 'config')
        return all(getattr(self, part) == getattr(other, part) for part in parts)


def build_view(view: View) -> nn.Module:
    """Build the data preprocessor of a network.

    Raises:
        ValueError: If it refuses its options, as MMSegmentation's does a mean of
            neither 1 nor 3 values.
    """
    try:
        return MODELS.build(dict(view.config))
    except AssertionError as error:
        key = f'networks.{view.name}.data_preprocessor'
        raise ValueError(f'{key}: {error}') from error


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
        self.preprocessors = nn.ModuleList(build_view(view) for view in views)
        # Of a training crop, as SegDataPreProcessor has it.
        self.size = getattr(self.preprocessors[0], 'size', None)

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """See ``SegDataPreProcessor``; the images have the channels of all networks.

        Raises:
            ValueError: If an image does not have the channels that a network sees.
        """
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
    found = len(image)
    missing = view.inputs is not None and max(view.inputs) >= found
    if not missing and (view.inputs is not None or found == view.count):
        return image if view.inputs is None else image[list(view.inputs)]
    path = sample.metainfo.get('img_path') if sample is not None else None
    expected = f'{view.count}, or inputs that choose as many'
    if missing:
        expected = f'those of networks.{view.name}.inputs={list(view.inputs)}'
    raise ValueError(
        f'{path or "image"}: found {found} channels, expected {expected} for network '
        f'{view.name}; the pipeline has to load all modalities into one image'
    )
