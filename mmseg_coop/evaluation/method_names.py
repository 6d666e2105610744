"""Name the networks and the method of a built model, for tables."""

from collections.abc import Mapping
from typing import Any

from mmseg.models.decode_heads import DAHead, DepthwiseSeparableASPPHead
from torch import nn

from ..models.heads import last_head
from ..models.segmentors import CooperativeEncoderDecoder
from ..unwrap import unwrap

_NETWORKS = {DAHead: 'DANet', DepthwiseSeparableASPPHead: 'DeepLabv3+'}
# The paper's four, in its order.
METHODS = ('single', 'ensemble', 'same', 'multi')


def network_name(model: nn.Module) -> str:
    """Name a network as in the paper, or by its decode head without ``Head``.

    Networks that differ are joined, as in ``DANet+DeepLabv3+``.
    """
    model = unwrap(model)
    several = isinstance(model, CooperativeEncoderDecoder)
    networks = model.networks.values() if several else [model]
    return '+'.join(dict.fromkeys(map(_head_name, networks)))


def method_name(model: nn.Module, connections: Any) -> str:
    """Name a method: ``single``, ``ensemble``, the pattern, or ``custom``."""
    model = unwrap(model)
    if not isinstance(model, CooperativeEncoderDecoder):
        return 'single'
    if not model.plan.connections:
        return 'ensemble'
    if isinstance(connections, Mapping):
        return connections.get('pattern', 'custom')
    return 'custom'


def _head_name(network: nn.Module) -> str:
    head = last_head(network) if hasattr(network, 'decode_head') else network
    for kind, name in _NETWORKS.items():
        if isinstance(head, kind):
            return name
    return type(head).__name__.removesuffix('Head')
