"""Read the configs of the networks of a cooperative model."""

import inspect
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmengine.logging import print_log
from mmseg.models.segmentors import EncoderDecoder
from torch import nn

from ..expect import expect, expect_bool, expect_dict, is_number
from ..heads import last_head
from ..resolve import resolve
from .network_config_files import OWN_KEYS, flat_entry, is_pretrained, merge_network
from .network_names import name_networks
from .overridden import PREDICTS, overridden

# Attributes of the heads that predict, in which all networks agree.
ALIKE = ('num_classes', 'out_channels', 'threshold', 'align_corners', 'ignore_index')


@dataclass(frozen=True)
class NetworkConfig:
    """One of the networks: the config of a segmentor, and its own options.

    ``init`` has the key that names the checkpoint, too; ``inputs`` are the channels of
    the image that it sees, None for all.
    """

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
    inits = _by_name('networks_init', networks_init, entries)
    weights = _by_name('loss_weights', loss_weights, entries)
    found = {}
    for name, entry in entries.items():
        key = f'networks.{name}'
        entry = flat_entry(entry, key)
        own = {k: entry.pop(k) for k in OWN_KEYS if k in entry}
        init = f'{key}.init', own.get('init')
        weight = f'{key}.loss_weight', own.get('loss_weight')
        expect_dict(f'{key}.data_preprocessor', own.get('data_preprocessor'))
        expect_bool(f'{key}.frozen', own.get('frozen', False))
        found[name] = NetworkConfig(
            model=_checked_model(merge_network(common, entry), key, common),
            init=_read_init(*_one_of(init, inits[name])),
            frozen=own.get('frozen', False),
            inputs=_read_inputs(f'{key}.inputs', own.get('inputs')),
            loss_weight=_read_weight(*_one_of(weight, weights[name])),
            data_preprocessor=own.get('data_preprocessor'),
        )
    if all(network.frozen for network in found.values()):
        raise ValueError(
            'networks: all are frozen, expected at least one that is trained'
        )
    return found


def check_alike(networks: Mapping[str, nn.Module]) -> None:
    """Check that networks predict the same classes."""
    (first, reference), *others = networks.items()
    for name, network in others:
        heads = last_head(network), last_head(reference)
        for key in ALIKE:
            found, expected = (getattr(head, key, None) for head in heads)
            # Heads of other families lack some, such as the threshold.
            if None not in (found, expected) and found != expected:
                raise ValueError(
                    f'networks.{name}: {key} is {found!r}, expected that of {first}, '
                    f'{expected!r}: all networks predict the same classes'
                )


def _checked_model(
    model: dict[str, Any], key: str, common: Mapping[str, Any]
) -> dict[str, Any]:
    """Check the class of a network, and options that the class can't check."""
    default = 'CascadeEncoderDecoder' if 'num_stages' in model else 'EncoderDecoder'
    kind = model.setdefault('type', f'mmseg.{default}')
    cls = resolve(kind)
    place = 'network_type' if common.get('type') == kind else f'{key}.type'
    # Backbones and heads lack the method, and a cooperative model has networks.
    valid = inspect.isclass(cls) and hasattr(cls, 'encode_decode')
    known = inspect.signature(cls).parameters if valid else {}
    valid = valid and 'networks' not in known
    expect(place, kind, valid, 'the segmentor of one network, such as EncoderDecoder')
    own = overridden(cls, EncoderDecoder, (*PREDICTS, 'slide_inference'))
    if own:
        print_log(
            f'{place}: {cls.__name__} has its own {", ".join(own)}, which a '
            'cooperative model does not call: it predicts from encode_decode',
            'current',
            logging.WARNING,
        )
    init = model.get('init_cfg')
    if any(map(is_pretrained, init if isinstance(init, list | tuple) else [init])):
        raise ValueError(
            f"{key}.init_cfg, or model.init_cfg: found type='Pretrained', expected "
            f'{key}.init or networks_init for the checkpoints of networks, and the '
            "config's load_from for that of a cooperative model"
        )
    unknown = [option for option in model if option not in {'type', *known}]
    if unknown and all(p.kind is not p.VAR_KEYWORD for p in known.values()):
        if unknown[0] in common:
            # As Python says it: the option may be meant for the model itself.
            raise TypeError(
                'CooperativeEncoderDecoder.__init__() got an unexpected keyword '
                f'argument {unknown[0]!r}, which {key} ({cls.__name__}) does not take '
                'either'
            )
        raise ValueError(
            f'{key}: unknown key {unknown[0]!r}; expected one of '
            f'{sorted({*known, *OWN_KEYS})} ({cls.__name__})'
        )
    return model


def _by_name(
    key: str, values: Sequence[Any] | None, names: Collection[str]
) -> dict[str, tuple[str, Any]]:
    """Keys and values of a list, by network."""
    values = [None] * len(names) if values is None else values
    valid = isinstance(values, list | tuple) and len(values) == len(names)
    expect(key, values, valid, f'a list with a value for each of {", ".join(names)}')
    pairs = zip(names, values, strict=True)
    return {name: (f'{key}: {name}', value) for name, value in pairs}


def _one_of(own: tuple[str, Any], listed: tuple[str, Any]) -> tuple[str, Any]:
    """Choose the key and value that are given; only one of both may be."""
    if None not in (own[1], listed[1]):
        raise ValueError(
            f'{own[0]}: found it beside {listed[0]}, expected only one of them'
        )
    return own if listed[1] is None else listed


def _read_init(key: str, value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    init = dict(checkpoint=value) if isinstance(value, str) else value
    valid = isinstance(init, Mapping) and isinstance(init.get('checkpoint'), str)
    valid = valid and set(init) <= {'checkpoint', 'partial', 'network'}
    expected = (
        'a file, a URL, or dict(checkpoint=..., partial=True) to load what fits; '
        'network=... names one of a cooperative model'
    )
    expect(key, value, valid, expected)
    expect_bool(f'{key}.partial', init.get('partial', False))
    return {'partial': False, **init, 'key': key}


def _read_inputs(key: str, value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    valid = isinstance(value, list | tuple) and len(value) > 0
    valid = valid and all(type(i) is int and i >= 0 for i in value)
    expect(key, value, valid, 'a list of channels, from 0')
    return tuple(value)


def _read_weight(key: str, value: Any) -> float:
    if value is None:
        return 1.0
    expect(key, value, is_number(value), 'a number of 0 or more')
    return value
