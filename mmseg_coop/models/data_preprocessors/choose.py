"""Choose the preprocessing that the networks of a model need."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ..expect import expect
from .networks_data_preprocessor import NetworksDataPreProcessor, View

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
    listed = {name: list(chosen) for name, chosen in inputs.items() if chosen}
    if not any(own.values()):
        # Views refuse the first image if networks take other channels without inputs.
        alike = len(set(counts.values())) == 1 or isinstance(common, nn.Module)
        if common is None or (alike and not listed):
            return common, listed
    expected = 'a dict: networks have inputs or a data_preprocessor of their own'
    valid = not isinstance(common, nn.Module)
    expect('data_preprocessor', type(common).__name__, valid, expected)
    seen = {
        n: View(n, inputs[n], counts[n], _config_for(common, own[n], inputs[n], n))
        for n in networks
    }
    views: list[View] = []
    for view in seen.values():
        if view not in views:
            views.append(view)
    if len(views) == 1 and views[0].inputs is None:
        return views[0].config, {}
    starts = itertools.accumulate((view.count for view in views), initial=0)
    places = [slice(*ends) for ends in itertools.pairwise(starts)]
    channels = {name: places[views.index(view)] for name, view in seen.items()}
    # A model's mean has a value for each channel of the image.
    known = len((common or {}).get('mean') or ())
    return NetworksDataPreProcessor(views, known), channels


def _config_for(
    common: Mapping[str, Any] | None,
    own: Mapping[str, Any] | None,
    inputs: Sequence[int] | None,
    name: str,
) -> dict[str, Any]:
    """The config of a network's data preprocessor.

    The model's mean and standard deviation may have a value for each channel of the
    image: those that the network sees are taken.
    """
    common, own = common or {}, own or {}
    config = {'type': 'SegDataPreProcessor', **common, **own}
    place = f'networks.{name}.data_preprocessor'
    for key in PADDING:
        # There is one label for all.
        valid, expected = config.get(key) == common.get(key), f'{common.get(key)!r}, as'
        expected += f' in data_preprocessor.{key} of the model: images are padded alike'
        expect(f'{place}.{key}', config.get(key), valid, expected)
    for key in ('mean', 'std'):
        values = config.get(key)
        if not inputs or values is None or len(values) in (1, len(inputs)):
            continue
        if key in own or max(inputs) >= len(values):
            raise ValueError(
                f'{place}.{key}: found {len(values)} values, expected {len(inputs)}, '
                f'one for each channel of inputs={list(inputs)}, which count from 0'
            )
        config[key] = [values[i] for i in inputs]
    return config
