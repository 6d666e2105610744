"""Names of networks and methods in tables, asked of a built model."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.models.decode_heads import DAHead, DepthwiseSeparableASPPHead
from torch import nn

from ..models.segmentors import CooperativeEncoderDecoder
from ..unwrap import unwrap

_NETWORKS = {DAHead: 'DANet', DepthwiseSeparableASPPHead: 'DeepLabv3+'}
# The paper's four, in its order.
METHODS = ('single', 'ensemble', 'same', 'multi')


def network_name(model: nn.Module) -> str:
    """The paper's name of a network, or its decode head's without ``Head``.

    Networks that differ are all named, as in ``DANet+DeepLabv3+``.
    """
    model = unwrap(model)
    several = isinstance(model, CooperativeEncoderDecoder)
    networks = model.networks.values() if several else [model]
    return '+'.join(dict.fromkeys(map(_head_name, networks)))


def method_name(model: nn.Module, connections: Any) -> str:
    """``single``, ``ensemble``, a pattern's name, or ``custom`` for other plans."""
    model = unwrap(model)
    if not isinstance(model, CooperativeEncoderDecoder):
        return 'single'
    if not model.plan.connections:
        return 'ensemble'
    if isinstance(connections, Mapping):
        return connections.get('pattern', 'custom')
    return 'custom'


def _head_name(network: nn.Module) -> str:
    head = getattr(network, 'decode_head', network)
    # Of a cascade the last one.
    head = head[-1] if isinstance(head, Sequence | nn.ModuleList) else head
    for kind, name in _NETWORKS.items():
        if isinstance(head, kind):
            return name
    return type(head).__name__.removesuffix('Head')
