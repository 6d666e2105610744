"""Build the modules that a plan's connections need."""

from typing import Any

from mmengine.model import ModuleDict
from mmseg.registry import MODELS

from .connection import Connection, SiteRef
from .plan import Plan


def build_connections(plan: Plan, align_corners: bool) -> tuple[ModuleDict, ModuleDict]:
    """Build a plan's connectors and aggregations.

    Args:
        plan: The plan.
        align_corners: How the networks resize.

    Returns:
        The connector of each target by ``SiteRef.identifier``, and the aggregation
        of each connection with several sources by ``Connection.identifier``.

    Raises:
        ValueError: If a connector's config gives other channels than the sites have.
    """
    connectors, aggregations = ModuleDict(), ModuleDict()
    for connection in plan.connections:
        config = {'align_corners': align_corners, **connection.connector}
        sources = [plan.sites[source.site] for source in connection.sources]
        source_channels = sources[0].channels
        if len(sources) > 1:
            aggregation = MODELS.build(
                {
                    'align_corners': align_corners,
                    # Its sources are detached, so that it learns all the same.
                    'detach': config.pop('detach', False),
                    **connection.aggregation,
                    'in_channels': [site.channels for site in sources],
                    'strides': [site.stride for site in sources],
                }
            )
            aggregations[connection.identifier] = aggregation
            source_channels = aggregation.out_channels
        for target in connection.targets:
            channels = {
                'channels': plan.sites[target.site].channels,
                'source_channels': source_channels,
            }
            _check_channels(connection, target, config, channels)
            connectors[target.identifier] = MODELS.build({**config, **channels})
    return connectors, aggregations


def _check_channels(
    connection: Connection,
    target: SiteRef,
    config: dict[str, Any],
    inferred: dict[str, int],
) -> None:
    for key, expected in inferred.items():
        found = config.get(key, expected)
        if found != expected:
            raise ValueError(
                f'{connection.key}.connector.{key}: found {found}, but '
                f"'{connection}' has {expected} channels at {target}; leave {key} out"
            )
