"""Choose the preprocessing that the networks of a model need."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ..expect import expect
from .networks_data_preprocessor import NetworksDataPreProcessor, View, build_view

# What a preprocessor does with an image and its label, and not with its channels.
PADDING = ('size', 'size_divisor', 'seg_pad_val', 'test_cfg', 'batch_augments')


def data_preprocessor_for(
    common: Any,
    networks: Mapping[str, Any],
    counts: Mapping[str, int],
) -> tuple[Any, dict[str, slice | list[int]]]:
    """Choose a model's data preprocessor, and the channels that each network sees.

    Args:
        common: The model's: a config, or, where networks have none, a module.
        networks: By network, its config: the channels of the image that it sees, and
            the preprocessing of its own.
        counts: By network, the channels that it takes.

    Returns:
        A config or module, and the channels of the networks that see only some.

    Raises:
        ValueError: If the channels don't fit a network, mean and standard deviation
            don't fit the channels, a preprocessor refuses its options, or networks
            pad differently.
    """
    inputs = {name: network.inputs for name, network in networks.items()}
    own = {name: network.data_preprocessor for name, network in networks.items()}
    for name, chosen in inputs.items():
        if chosen and len(chosen) != counts[name]:
            raise ValueError(
                f'networks.{name}.inputs: found {list(chosen)}, but the network takes '
                f'{counts[name]} channels; set networks.{name}.backbone.in_channels='
                f'{len(chosen)} (in_chans in some), or change inputs'
            )
    if common is None and not any(own.values()):
        return None, {n: list(chosen) for n, chosen in inputs.items() if chosen}
    if isinstance(common, nn.Module):
        if not any(own.values()) and not any(inputs.values()):
            return common, {}
        raise ValueError(
            f'data_preprocessor: found a {type(common).__name__}, expected a dict: '
            'networks have inputs or a data_preprocessor of their own'
        )
    configs = {n: _config_for(common, own[n] or {}, inputs[n], n) for n in inputs}
    _check_padding(configs)
    views: list[View] = []
    places: dict[str, int] = {}
    for name, config in configs.items():
        view = View(name, inputs[name], counts[name], config)
        # Alike networks see the same.
        found = [i for i, other in enumerate(views) if other.is_like(view)]
        places[name] = found[0] if found else len(views)
        views += [] if found else [view]
    if len(views) == 1 and views[0].inputs is None:
        return build_view(views[0]), {}
    starts = [sum(view.count for view in views[:i]) for i in range(len(views))]
    channels = {
        name: slice(starts[i], starts[i] + views[i].count) for name, i in places.items()
    }
    # A model's mean has a value for each channel of the image.
    known = len((common or {}).get('mean') or ())
    return NetworksDataPreProcessor(views, known), channels


def choose_channels(
    inputs: Tensor, channels: Mapping[str, slice | list[int]], name: str
) -> Tensor:
    """The channels of images (N, C, H, W) that a network sees.

    Args:
        inputs: The images.
        channels: Of all networks, from :func:`data_preprocessor_for`; networks that it
            leaves out see the whole image.
        name: The network.

    Raises:
        ValueError: If images do not have them.
    """
    if name not in channels:
        return inputs
    own, found = channels[name], inputs.shape[1]
    if isinstance(own, list):
        right = max(own) < found
        expect(f'networks.{name}.inputs', own, right, f'channels below {found}')
    else:
        count = max(other.stop for other in channels.values())
        if found != count:
            raise ValueError(
                f'networks.{name}: found images of {found} channels, expected the '
                f"{count} that the model's data_preprocessor puts side by side for the "
                'networks; pass images through it first'
            )
    return inputs[:, own]


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
    for key in ('mean', 'std'):
        values = config.get(key)
        place = f'networks.{name}.data_preprocessor.{key}'
        written = place if key in own else f'data_preprocessor.{key}'
        expected = 'a list of numbers, one for each channel'
        expect(written, values, _is_numbers(values), expected)
        if not inputs or values is None or len(values) in (1, len(inputs)):
            continue
        if key in own or max(inputs) >= len(values):
            raise ValueError(
                f'{place}: found {len(values)} values, '
                f'expected {len(inputs)}, one for each channel of '
                f'inputs={list(inputs)}, which count from 0'
            )
        config[key] = [values[i] for i in inputs]
    return config


def _is_numbers(values: Any) -> bool:
    """Tell whether values are None, or a list of finite numbers."""
    if values is None:
        return True
    return isinstance(values, list | tuple) and all(
        isinstance(value, int | float) and math.isfinite(value) for value in values
    )


def _check_padding(configs: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that all networks see images of one size: there is one label for all."""
    (first, reference), *others = configs.items()
    for name, config in others:
        for key in PADDING:
            if config.get(key) != reference.get(key):
                raise ValueError(
                    f'networks.{name}.data_preprocessor.{key}: found '
                    f'{config.get(key)!r}, but {first} has {reference.get(key)!r}; '
                    f'images are padded alike, set data_preprocessor.{key} of the model'
                )
