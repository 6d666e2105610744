"""Build the plan of a cooperative model."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.logging import print_log
from torch import nn

from ..plan import Plan, SiteRef, asked_sites, read_connections
from ..recompute import recompute_modules
from ..sites import Site
from .network_configs import NetworkConfig
from .network_sites import find_network_sites
from .networks import Networks


def build_plan(
    connections: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
    loss_sites: Sequence[SiteRef],
    networks: Networks,
    configs: Mapping[str, NetworkConfig],
    preprocessor: nn.Module,
    with_cp: bool,
) -> Plan:
    """Build the plan, and set its hooks in the networks.

    ``loss_sites`` are those that losses between networks read.
    """
    sites: dict[str, dict[str, Site]] = {name: {} for name in networks}
    given = dict(connections=connections, cooperation_losses=loss_sites)
    keys = ', '.join(key for key, value in given.items() if value)
    if keys:
        asked = asked_sites(connections, tuple(networks))
        for name, site in loss_sites:
            asked[name].append(site)
        sites = find_network_sites(networks, configs, preprocessor, asked, keys)
    plan = Plan(
        read_connections(connections, sites),
        sites,
        next(iter(networks.values())).align_corners,
        networks.trained,
        loss_sites,
    )
    plan.attach(networks)
    if plan.connections and not plan.inside_backbones:
        print_log(
            'Nothing is exchanged inside of a backbone, only behind it; '
            'connections.sites takes the path of any module',
            'current',
        )
    if with_cp:
        recompute_modules([*plan.connectors.values(), *plan.aggregations.values()])
    return plan
