"""Reduce a cooperative model to the parts that one network's prediction needs."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ..models import CooperativeEncoderDecoder
from ..models.checkpoint_weights import part_of
from ..models.heads import last_head
from ..models.plan import restrict
from ..models.segmentors.network_config_files import short_name

# Attributes of heads that networks must have in common.
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
    """Make the config of the parts that a network needs to predict.

    Left out are auxiliary heads, networks and connections that it does not need, and
    neck and head of networks of which only the backbone is read.
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
    """Select the weights of that model, by their names in it."""
    # New names of modules, by their old names.
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
    """Make the entry of a network in ``networks``."""
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
    """List the parts of a network that the prediction needs."""
    parts = [part for part, _ in model.networks[name].named_children()]
    dead = {'auxiliary_head'}
    demand = model.plan.demand(predicting)
    head = model.networks[name].decode_head
    if name in demand.ending and not isinstance(head, nn.ModuleList):
        read = {model.plan.sites[name][site].part for site in demand.sites[name]}
        if 'decode_head' not in read:
            dead |= {'decode_head'} if 'neck' in read else {'neck', 'decode_head'}
    return [part for part in parts if part not in dead]


def _connections(
    model: CooperativeEncoderDecoder, network: str
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """List the connections that are needed, and the new names of their modules."""
    return restrict(model.plan.connections, model.plan.demand(network).fused)
