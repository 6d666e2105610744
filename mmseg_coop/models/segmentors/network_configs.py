"""Read the configs of the networks of a cooperative model."""

import inspect
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.logging import print_log
from mmseg.models.segmentors import CascadeEncoderDecoder, EncoderDecoder
from torch import nn
from torch.nn.parameter import is_lazy

from ..class_of import class_of
from ..expect import expect, expect_bool, expect_dict
from ..heads import last_head
from .check_parts import check_parts
from .network_config_files import (
    OWN_KEYS,
    flat_entry,
    is_pretrained,
    merge_network,
)
from .network_names import name_networks
from .overridden import PREDICTS, overridden

# Attributes that all networks must share.
_ALIKE = ('num_classes', 'out_channels', 'align_corners')
_HEADS_ALIKE = ('threshold', 'ignore_index')


@dataclass(frozen=True)
class NetworkConfig:
    """One of the networks of a cooperative model.

    Attributes:
        name: Its name.
        model: Config of the segmentor.
        init: Checkpoint that it starts from, which network of it, whether only what
            fits is loaded, and the key that says so.
        frozen: It is not trained.
        inputs: Channels of the image that it sees; None for all.
        loss_weight: Weight of its losses.
        data_preprocessor: Options of its own preprocessing.
    """

    name: str
    model: dict[str, Any]
    init: dict[str, Any] | None
    frozen: bool
    inputs: tuple[int, ...] | None
    loss_weight: float
    data_preprocessor: dict[str, Any] | None


def read_networks(
    common: Mapping[str, Any],
    networks: Mapping[str, Any] | Sequence[Any] | None,
    num_networks: int | None,
    networks_init: Sequence[str | None] | None,
    loss_weights: Sequence[float] | None,
) -> dict[str, NetworkConfig]:
    """Read the configs of all networks.

    Args:
        common: Keys of a segmentor that all networks share.
        networks: Options of each, by name (``top`` and ``bottom``, or names in
            alphabetical order) or in a list, where each may have a ``name``: parts and
            options that are merged over the common ones (a part of another type
            replaces), or a config file. And for each ``init`` (a checkpoint, of one
            network or of a cooperative model that has it), ``frozen`` (it is not
            trained), ``inputs`` (channels of the image that it sees),
            ``data_preprocessor`` and ``loss_weight``.
        num_networks: How many there are, if ``networks`` is None.
        networks_init: A checkpoint for each.
        loss_weights: A weight for each.

    Raises:
        ValueError: If an option is unknown or has a wrong value.
    """
    entries = name_networks(networks, num_networks)
    names = list(entries)
    inits = _per_network('networks_init', networks_init, names, None, _read_init)
    weights = _per_network('loss_weights', loss_weights, names, 1.0, _read_weight)
    found = {}
    for name, entry in entries.items():
        key = f'networks.{name}'
        entry = flat_entry(entry, key)
        own = {k: entry.pop(k) for k in OWN_KEYS if k in entry}
        _check_said_once(own, 'init', inits[name], f'{key}.init', 'networks_init')
        weight = loss_weights and weights[name]
        _check_said_once(
            own, 'loss_weight', weight, f'{key}.loss_weight', 'loss_weights'
        )
        expect_dict(f'{key}.data_preprocessor', own.get('data_preprocessor'))
        found[name] = NetworkConfig(
            name=name,
            model=_checked_model(merge_network(common, entry), key, common),
            init=_read_init(own['init'], f'{key}.init')
            if own.get('init') is not None
            else inits[name],
            frozen=_read_frozen(own.get('frozen', False), key),
            inputs=_read_inputs(own.get('inputs'), key),
            loss_weight=_read_weight(own['loss_weight'], f'{key}.loss_weight')
            if 'loss_weight' in own
            else weights[name],
            data_preprocessor=own.get('data_preprocessor'),
        )
    if all(network.frozen for network in found.values()):
        raise ValueError(
            'networks: all are frozen, expected at least one that is trained'
        )
    return found


def check_alike(networks: Mapping[str, nn.Module]) -> None:
    """Check that networks predict the same classes.

    Raises:
        ValueError: If they do not; it names the option and both networks.
    """
    (first, reference), *others = networks.items()
    for name, network in others:
        pairs = [(key, network, reference) for key in _ALIKE]
        heads = last_head(network), last_head(reference)
        pairs += [(key, *heads) for key in _HEADS_ALIKE]
        for key, a, b in pairs:
            found, expected = getattr(a, key, None), getattr(b, key, None)
            # Heads of other families lack some, such as the threshold.
            if None not in (found, expected) and found != expected:
                raise ValueError(
                    f'networks.{name}: {key} is {found!r}, expected that of {first}, '
                    f'{expected!r}: all networks predict the same classes'
                )


def check_shapes(networks: Mapping[str, nn.Module]) -> None:
    """Check that all weights have a shape, which lazy ones lack before the first run.

    Raises:
        ValueError: If one has none; it names the module.
    """
    for name, network in networks.items():
        for path, module in network.named_modules():
            if any(map(is_lazy, module._parameters.values())):
                raise ValueError(
                    f'networks.{name}: {path} is a {type(module).__name__}, whose '
                    'weights have no shape before the first run, when an optimizer '
                    'and checkpoints need it; expected a module that is given its '
                    'channels'
                )


def _checked_model(
    model: dict[str, Any], key: str, common: Mapping[str, Any]
) -> dict[str, Any]:
    kind = model.setdefault(
        'type', CascadeEncoderDecoder if 'num_stages' in model else EncoderDecoder
    )
    cls = class_of(kind)
    right = inspect.isclass(cls) and issubclass(cls, nn.Module)
    # What backbones and heads lack.
    right = right and hasattr(cls, 'encode_decode')
    place = 'network_type' if common.get('type') == kind else f'{key}.type'
    expect(place, kind, right, 'a segmentor of the registry, such as EncoderDecoder')
    if issubclass(cls, EncoderDecoder):
        check_parts(model, cls, key, common)
    own = overridden(cls, EncoderDecoder, (*PREDICTS, 'slide_inference'))
    if own:
        print_log(
            f'{place}: {cls.__name__} has its own {", ".join(own)}, which a '
            'cooperative model does not call: it predicts from encode_decode',
            'current',
            logging.WARNING,
        )
    _check_init_cfg(model.get('init_cfg'), key)
    if 'networks' in inspect.signature(cls).parameters:
        raise ValueError(
            f'{key}: found a {cls.__name__}, expected one network, such as an '
            'EncoderDecoder'
        )
    known = inspect.signature(cls).parameters
    if not any(p.kind is p.VAR_KEYWORD for p in known.values()):
        for name in model:
            if name in known or name == 'type':
                continue
            if name in common:
                # As Python says it: the option may be meant for the model itself.
                raise TypeError(
                    'CooperativeEncoderDecoder.__init__() got an unexpected keyword '
                    f'argument {name!r}, which a {cls.__name__} does not take either'
                )
            raise ValueError(
                f'{key}: unknown key {name!r}; expected one of '
                f'{sorted({*known, *OWN_KEYS})} ({cls.__name__})'
            )
    return model


def _check_init_cfg(init: Any, key: str) -> None:
    """Refuse a whole network's checkpoint in a backbone's ``init_cfg``."""
    for entry in init if isinstance(init, list | tuple) else [init]:
        if is_pretrained(entry):
            raise ValueError(
                f"{key}.init_cfg, or model.init_cfg: found type='Pretrained', expected "
                f'{key}.init or networks_init for the checkpoints of networks, and the '
                "config's load_from for that of a cooperative model"
            )


def _per_network(
    key: str,
    values: Sequence | None,
    names: Sequence[str],
    default: Any,
    read: Callable[[Any, str], Any],
) -> dict[str, Any]:
    """One value for each network, from a list in their order."""
    if values is None:
        return dict.fromkeys(names, default)
    right = isinstance(values, list | tuple) and len(values) == len(names)
    expected = f'a list with a value for each of {", ".join(names)}'
    expect(key, values, right, expected)
    by_name = zip(names, values, strict=True)
    return {name: read(value, f'{key}: {name}') for name, value in by_name}


def _check_said_once(
    own: Mapping[str, Any], option: str, listed: Any, key: str, other: str
) -> None:
    """Check that an option is not given for a network and in a list for all."""
    if own.get(option) is not None and listed is not None:
        raise ValueError(f'{key}: found it beside {other}, expected one of the two')


def _read_init(value: Any, key: str) -> dict[str, Any] | None:
    if value is None:
        return None
    if isinstance(value, str):
        return dict(checkpoint=value, partial=False, key=key)
    right = isinstance(value, Mapping) and set(value) <= {
        'checkpoint',
        'partial',
        'network',
    }
    right = right and isinstance(value.get('checkpoint'), str)
    expected = (
        'a file, a URL, or dict(checkpoint=..., partial=True) to load what fits; '
        'network=... names one of a cooperative model'
    )
    expect(key, value, bool(right), expected)
    expect_bool(f'{key}.partial', value.get('partial', False))
    return {'partial': False, **value, 'key': key}


def _read_frozen(value: Any, key: str) -> bool:
    expect_bool(f'{key}.frozen', value)
    return value


def _read_inputs(value: Any, key: str) -> tuple[int, ...] | None:
    if value is None:
        return None
    right = isinstance(value, list | tuple) and len(value) > 0
    right = right and all(type(i) is int and i >= 0 for i in value)
    expect(f'{key}.inputs', value, bool(right), 'a list of channels, from 0')
    return tuple(value)


def _read_weight(value: Any, key: str) -> float:
    right = type(value) in (int, float) and 0 <= value < math.inf
    expect(key, value, right, 'a number of 0 or more')
    return value
