"""Reduce a cooperative model to the parts that one network's prediction needs."""

from collections.abc import Mapping, Set
from copy import deepcopy
from typing import Any

from mmseg.registry import MODELS
from torch import Tensor, nn

from ..models import CooperativeEncoderDecoder
from ..models.heads import last_head
from ..models.plan import SiteRef, restrict
from ..models.plan.dependencies import reaching
from ..models.segmentors.network_configs import ALIKE
from ..models.segmentors.network_sites import find_network_sites


def smallest_config(
    model: CooperativeEncoderDecoder,
    config: Mapping[str, Any],
    network: str,
    targets: Set[SiteRef],
) -> tuple[dict[str, Any], dict[str, str]]:
    """Make the config of the parts that a network needs to predict.

    Left out are auxiliary heads, networks and connections that it does not need, and
    neck and head of networks of which only the backbone is read. ``targets`` are its
    :func:`needed_targets`.

    Returns:
        The config, and the new names of the plan's modules by their old names.
    """
    connections, names = restrict(model.plan.connections, targets)
    read = {ref.network for t in targets for ref in model.plan.incoming[t].sources}
    kept = [name for name in model.networks if name in {*read, network}]
    smallest = dict(
        type=CooperativeEncoderDecoder.__name__,
        data_preprocessor=config.get('data_preprocessor'),
        networks=[_network(model, name, network) for name in kept],
        connections=connections,
        test_cfg={**model.test_cfg, 'predict': network},
    )
    return smallest, names


def needed_targets(model: CooperativeEncoderDecoder, network: str) -> set[SiteRef]:
    """The targets that a network needs to predict, without its auxiliary heads."""
    plan = model.plan
    targets = set(plan.demand(network).fused)
    if model.networks[network].with_auxiliary_head:
        alone = deepcopy(model.networks[network])
        alone.auxiliary_head = None
        asked = {network: [*plan.sites[network]]}
        found = find_network_sites(
            {network: alone}, model.configs, model.data_preprocessor, asked, network
        )
        used = (name for name, site in found[network].items() if site.used)
        ends = (SiteRef(network, name) for name in used if name in plan.sites[network])
        targets &= reaching(ends, plan.incoming, plan.sites)
    return targets


def _network(
    model: CooperativeEncoderDecoder, name: str, predicting: str
) -> dict[str, Any]:
    """Make the entry of a network in ``networks``."""
    own, network = model.configs[name], model.networks[name]
    entry = {'name': name, **own.model}
    entry.pop('auxiliary_head', None)
    demand = model.plan.demand(predicting)
    if name in demand.ending and not isinstance(network.decode_head, nn.ModuleList):
        read = {model.plan.sites[name][site].part for site in demand.sites[name]}
        if 'decode_head' not in read:
            head = last_head(network)
            common = {key: getattr(head, key, None) for key in ALIKE}
            entry['decode_head'] = dict(type='NoHead', **common)
            if 'neck' not in read:
                entry.pop('neck', None)
    if own.inputs is not None:
        entry['inputs'] = list(own.inputs)
    if own.data_preprocessor is not None:
        entry['data_preprocessor'] = own.data_preprocessor
    return entry


def build_smaller(
    config: Mapping[str, Any], weights: Mapping[str, Tensor], names: Mapping[str, str]
) -> nn.Module:
    """Build a model that is a part of another, with its weights.

    Args:
        config: Config of the smaller model.
        weights: Weights of the whole model.
        names: New names of the plan's modules by their old names.
    """
    model = MODELS.build(deepcopy(config))
    old = {new: before for before, new in names.items()}
    found = {}
    for key in model.state_dict():
        module = '.'.join(key.split('.')[:3])
        found[key] = weights[old.get(module, module) + key.removeprefix(module)]
    model.load_state_dict(found)
    return model
