"""The smallest cooperative model that predicts what a network of a larger one does."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..models import CooperativeEncoderDecoder
from ..models.checkpoint_weights import part_of
from ..models.plan import restrict
from ..models.segmentors.network_config_files import short_name
from ..models.segmentors.network_configs import last_head

# What networks have to have in common.
_OF_HEADS = (
    'num_classes',
    'out_channels',
    'threshold',
    'align_corners',
    'ignore_index',
)


def smallest_config(
    model: CooperativeEncoderDecoder, config: Mapping[str, Any], network: str
) -> dict[str, Any]:
    """The config of what a network needs to predict, and nothing else.

    Networks and connections that it does not need are gone; auxiliary heads, too, and
    of a network of which only the backbone is read its neck and head.
    """
    names = [n for n in model.networks if n in model.plan.demand(network).order]
    return dict(
        type=CooperativeEncoderDecoder.__name__,
        data_preprocessor=config.get('data_preprocessor'),
        networks=[_network(model, name, network) for name in names],
        connections=_connections(model, network)[0],
        test_cfg={**model.test_cfg, 'predict': network},
    )


def smallest_weights(
    model: CooperativeEncoderDecoder, network: str
) -> dict[str, Tensor]:
    """The weights of that model by name."""
    # Names of modules: before, and in the smallest model.
    names = {
        name: name
        for other in model.plan.demand(network).order
        for name in (
            f'networks.{other}.{part}' for part in _kept_parts(model, other, network)
        )
    }
    names |= _connections(model, network)[1]
    state = model.state_dict()
    return {
        f'{new}.{key}': value
        for old, new in names.items()
        for key, value in part_of(state, old).items()
    }


def _network(
    model: CooperativeEncoderDecoder, name: str, predicting: str
) -> dict[str, Any]:
    """The entry of a network in ``networks``."""
    own = model.configs[name]
    kept = _kept_parts(model, name, predicting)
    entry = {'name': name, **own.model, 'type': short_name(own.model['type'])}
    for part in ('neck', 'auxiliary_head'):
        if part not in kept:
            entry.pop(part, None)
    if 'decode_head' not in kept:
        head = last_head(model.networks[name])
        entry['decode_head'] = dict(
            type='NoHead', **{key: getattr(head, key, None) for key in _OF_HEADS}
        )
    if own.inputs is not None:
        entry['inputs'] = list(own.inputs)
    if own.data_preprocessor is not None:
        entry['data_preprocessor'] = own.data_preprocessor
    return entry


def _kept_parts(
    model: CooperativeEncoderDecoder, name: str, predicting: str
) -> list[str]:
    """Parts of a network that the prediction needs."""
    parts = [part for part, _ in model.networks[name].named_children()]
    dead = {'auxiliary_head'}
    last = model.plan.demand(predicting).last.get(name)
    head = model.networks[name].decode_head
    if last is not None and not isinstance(head, nn.ModuleList):
        read = {model.plan.sites[name][site].part for site in last}
        if 'decode_head' not in read:
            dead |= {'decode_head'} if 'neck' in read else {'neck', 'decode_head'}
    return [part for part in parts if part not in dead]


def _connections(
    model: CooperativeEncoderDecoder, network: str
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Connections that are needed, and the names of their modules."""
    demand = model.plan.demand(network)
    needed = [c for i, c in enumerate(model.plan.connections) if i in demand.sends]
    return restrict(needed, demand.fused)
