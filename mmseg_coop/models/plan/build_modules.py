"""Build the connectors and aggregations of a connection."""

from collections.abc import Sequence

from torch import nn

from ..build_module import build_module
from ..expect import expect, is_count
from ..sites import Site
from .connection import Connection, SiteRef


def build_connector(
    connection: Connection,
    target: SiteRef,
    site: Site,
    source_channels: int,
    align_corners: bool,
) -> nn.Module:
    """Build the connector of a target.

    Args:
        connection: The connection.
        target: One of its targets.
        site: The site of the target.
        source_channels: Channels of what arrives.
        align_corners: How the networks resize.

    Raises:
        ValueError: If its options are wrong; the message names the connection.
    """
    inferred = {'channels': site.channels, 'source_channels': source_channels}
    for key, expected in inferred.items():
        found = connection.connector.get(key, expected)
        if found != expected:
            raise ValueError(
                f'{connection.key}.connector.{key}: found {found}, but '
                f"'{connection}' has {expected} channels at {target}; leave {key} out"
            )
    inferred['align_corners'] = connection.connector.get('align_corners', align_corners)
    return build_module(f'{connection.key}.connector', connection.connector, inferred)


def build_aggregation(
    connection: Connection, sources: Sequence[Site], align_corners: bool
) -> nn.Module:
    """Build the aggregation of a connection with several sources.

    Raises:
        ValueError: If its options are wrong; the message names the connection.
    """
    config = connection.aggregation
    inferred = {
        'in_channels': [site.channels for site in sources],
        'strides': [site.stride for site in sources],
        'align_corners': config.get('align_corners', align_corners),
    }
    key = f'{connection.key}.aggregation'
    aggregation = build_module(key, config, inferred)
    name = type(aggregation).__name__
    expected = 'its attribute out_channels, the channels of what it returns'
    right = is_count(getattr(aggregation, 'out_channels', None))
    expect(key, name, right, expected)
    return aggregation
