"""Names of connectors' weights in older checkpoints."""

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from ..necks import CoopAggregation
from .connection import PlanModule, SiteRef
from .plan import Plan

# What older names had in the place of a network's parts.
_SUBSTITUTES = {
    'backbone': 'encoder',
    'neck': 'pyramid',
    'decode_head': 'decoder',
    'auxiliary_head': 'auxiliary',
}


def module_names(module: PlanModule) -> tuple[str, ...]:
    """Names of a plan's module in checkpoints: the current one, then older ones.

    ``plan.connectors.BOTTOM_BACKBONE_LAYER1`` was
    ``plan.connectors.bottom_encoder_layer1`` and, before that,
    ``connectors.bottom_backbone_layer1``.
    """
    network, site = module.target
    other = site
    for part, substitute in _SUBSTITUTES.items():
        other = other.replace(part, substitute)
    return (
        module.name,
        f'plan.{module.called(_flat(SiteRef(network, other)))}',
        module.called(_flat(module.target)),
    )


def upgrade_keys(state_dict: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Give the weights of a plan's modules their current names.

    Only a plan knows the site of an older name: a network may have an ``encoder``
    itself.

    Returns:
        The same, with current names.
    """
    names = {}
    for connection in plan.connections:
        for now, *before in map(module_names, connection.modules):
            names |= dict.fromkeys([now, *before], now)
    return {_renamed(key, names, plan): value for key, value in state_dict.items()}


def part_name(name: str, module: nn.Module) -> str:
    """Give a weight of a plan's module its current name."""
    if isinstance(module, CoopAggregation):
        # Networks have projections, too.
        return re.sub('^projections\\.', 'arriving.', name)
    return name


def _renamed(key: str, names: Mapping[str, str], plan: Plan) -> str:
    depth = 3 if key.startswith('plan.') else 2
    parts = key.split('.')
    before, part = '.'.join(parts[:depth]), '.'.join(parts[depth:])
    now = names.get(before)
    if now is None:
        return key
    return f'{now}.{part_name(part, plan.get_submodule(now.removeprefix("plan.")))}'


def _flat(ref: SiteRef) -> str:
    return re.sub('[.:]', '_', str(ref))
