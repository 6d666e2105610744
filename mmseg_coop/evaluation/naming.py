"""Names of networks and methods in tables, read off a model's config."""

from collections.abc import Mapping, Sequence

_NETWORKS = {
    'DAHead': 'DANet',
    'EfficientDAHead': 'DANet',
    'DepthwiseSeparableASPPHead': 'DeepLabv3+',
}
# The paper's four, in its order.
METHODS = ('single', 'ensemble', 'same', 'multi')


def network_name(model: Mapping) -> str:
    """The paper's name of a network, or its decode head's without ``Head``."""
    head = _innermost(model).get('decode_head', {})
    head = head[-1] if isinstance(head, Sequence) else head
    kind = str(head.get('type'))
    return _NETWORKS.get(kind, kind.removesuffix('Head'))


def method_name(model: Mapping) -> str:
    """``single``, ``ensemble``, a pattern's name, or ``custom`` for other plans."""
    model = _innermost(model)
    if model.get('type') != 'CooperativeEncoderDecoder':
        return 'single'
    connections = model.get('connections')
    if not connections:
        return 'ensemble'
    if isinstance(connections, Mapping):
        return connections.get('pattern', 'custom')
    return 'custom'


def _innermost(model: Mapping) -> Mapping:
    """The model inside of one that augments at test time."""
    return _innermost(model['module']) if 'module' in model else model
