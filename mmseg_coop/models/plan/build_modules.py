"""Build the connectors and aggregations of a connection."""

import inspect
from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import Any

from mmseg.registry import MODELS
from torch import nn

from ..class_of import class_of
from ..expect import expect
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
    return _build(connection, 'connector', connection.connector, inferred)


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
    aggregation = _build(connection, 'aggregation', config, inferred)
    name = type(aggregation).__name__
    expected = 'its attribute out_channels, the channels of what it returns'
    right = isinstance(getattr(aggregation, 'out_channels', None), int)
    expect(f'{connection.key}.aggregation', name, right, expected)
    return aggregation


def _build(
    connection: Connection,
    part: str,
    config: Mapping[str, Any],
    inferred: Mapping[str, Any],
) -> nn.Module:
    """Build a module of a config, and of what its sites tell."""
    key = f'{connection.key}.{part}'
    kind = config['type']
    cls = class_of(kind)
    expect(f'{key}.type', kind, callable(cls), 'a class in the registry MODELS')
    parameters = inspect.signature(cls).parameters
    kinds = [parameter.kind for parameter in parameters.values()]
    takes = parameters.keys() >= inferred.keys() or Parameter.VAR_KEYWORD in kinds
    expected = f'a class that is built with {", ".join(inferred)}'
    name = getattr(cls, '__name__', repr(cls))
    expect(f'{key}.type', name, takes, expected)
    config = {**config, **inferred}
    for option, parameter in parameters.items():
        single = parameter.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
        if single and parameter.default is Parameter.empty and option not in config:
            raise ValueError(f'{key}.{option}: missing; {name} needs it')
    module = MODELS.build(config)
    if not isinstance(module, nn.Module):
        raise ValueError(f'{key}.type: {name} made {module!r}, expected a module')
    return module
