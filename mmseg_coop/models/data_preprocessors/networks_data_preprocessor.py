"""Preprocessing where networks see different channels, or normalize differently."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn


class NetworksDataPreProcessor(BaseDataPreprocessor):
    """Gives each network its own channels, converted and normalized by its own options.

    What networks get stands side by side in the channels of one tensor. What a network
    gets is what MMSegmentation's preprocessor gives for its channels alone, to the bit.

    Args:
        inputs: By network, the channels of the image that it sees; None for all.
        configs: By network, the config of its data preprocessor.
    """

    def __init__(
        self,
        inputs: Mapping[str, Sequence[int] | None],
        configs: Mapping[str, Mapping[str, Any]],
    ):
        super().__init__()
        self.inputs = dict(inputs)
        self.preprocessors = nn.ModuleDict(
            {name: MODELS.build(dict(config)) for name, config in configs.items()}
        )
        # Of a training crop, for those who ask.
        self.size = getattr(next(iter(self.preprocessors.values())), 'size', None)

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """See ``SegDataPreProcessor``; the images have the channels of all networks.

        Raises:
            ValueError: If an image does not have the channels that a network sees.
        """
        results: list[dict[str, Any]] = []
        for name, preprocessor in self.preprocessors.items():
            images = [self._select(image, name) for image in data['inputs']]
            samples = data.get('data_samples')
            if results and samples is not None:
                # Labels are padded once, with the first.
                samples = [SegDataSample(metainfo=dict(s.metainfo)) for s in samples]
            own = dict(inputs=images, data_samples=samples)
            results.append(preprocessor(own, training))
        joined = torch.cat([result['inputs'] for result in results], dim=1)
        return dict(results[0], inputs=joined)

    def _select(self, image: torch.Tensor, name: str) -> torch.Tensor:
        channels = self.inputs[name]
        if channels is None:
            return image
        if max(channels) >= image.shape[0]:
            raise ValueError(
                f'networks.{name}.inputs: found {list(channels)}, but the images have '
                f'{image.shape[0]} channels; load all modalities into one image, or '
                'change inputs'
            )
        return image[list(channels)]


def data_preprocessor_for(
    common: Any,
    inputs: Mapping[str, Sequence[int] | None],
    own: Mapping[str, Mapping[str, Any] | None],
    counts: Mapping[str, int],
) -> tuple[Any, dict[str, slice | list[int]]]:
    """The data preprocessor of a model, and what of its result a network sees.

    Args:
        common: The model's: a config, or, where networks have none, a module.
        inputs: By network, the channels of the image that it sees; None for all.
        own: By network, the config of its own.
        counts: By network, the channels that it takes.

    Returns:
        A config or module, and the channels of the networks that see only some.

    Raises:
        ValueError: If mean and standard deviation don't fit the channels.
    """
    if not any(own.values()) and (common is None or not any(inputs.values())):
        return common, {n: list(chosen) for n, chosen in inputs.items() if chosen}
    if isinstance(common, nn.Module):
        raise ValueError(
            f'data_preprocessor: found a {type(common).__name__}, expected a dict: '
            'networks have inputs or a data_preprocessor of their own'
        )
    configs = {n: _config_for(common, own[n] or {}, inputs[n], n) for n in inputs}
    channels, start = {}, 0
    for name, count in counts.items():
        count = len(inputs[name] or ()) or count
        channels[name] = slice(start, start + count)
        start += count
    return NetworksDataPreProcessor(inputs, configs), channels


def _config_for(
    common: Mapping[str, Any] | None,
    own: Mapping[str, Any],
    inputs: Sequence[int] | None,
    name: str,
) -> dict[str, Any]:
    """The config of a network's data preprocessor.

    The model's mean and standard deviation may have a value for each channel of the
    image: those that the network sees are taken.
    """
    config = {'type': 'SegDataPreProcessor', **(common or {}), **own}
    for key in ('mean', 'std') if inputs else ():
        values = config.get(key)
        if values is None or len(values) in (1, len(inputs)):
            continue
        if key in own or max(inputs) >= len(values):
            raise ValueError(
                f'networks.{name}.data_preprocessor.{key}: found {len(values)} values, '
                f'expected {len(inputs)}, one for each channel of '
                f'inputs={list(inputs)}'
            )
        config[key] = [values[i] for i in inputs]
    return config
