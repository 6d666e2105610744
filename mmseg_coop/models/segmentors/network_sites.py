"""Sites of a model's networks, found by a dry run."""

from collections import deque
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from torch import nn

from ..heads import last_head
from ..sites import Site, find_sites
from ..sites.head_sites import named_sites
from .image_shape import image_channels, image_size
from .network_configs import NetworkConfig

# Cache of the last networks: what their sites depend on, and the sites.
_KNOWN: deque[tuple[Any, dict[str, Site]]] = deque(maxlen=16)


def find_network_sites(
    networks: Mapping[str, nn.Module],
    configs: Mapping[str, NetworkConfig],
    preprocessor: nn.Module,
    asked: Mapping[str, Sequence[str]],
    key: str,
) -> dict[str, dict[str, Site]]:
    """Sites of all networks by name; alike networks have the same, found once.

    The sites found last are kept, as tools build a model several times.

    Args:
        networks: By name, like ``configs``.
        preprocessor: Of the images; it may tell their size and channels.
        asked: Further sites of each network, by address; ``key`` of the config asks.
    """
    found: dict[str, dict[str, Site]] = {}
    size = getattr(preprocessor, 'size', None)
    for name, network in networks.items():
        config = configs[name]
        inputs = len(config.inputs) if config.inputs else None
        channels = inputs or image_channels(network, preprocessor)
        image = (channels, *image_size(network, size))
        what = (config.model, image, sorted(asked[name]), _structure(network))
        sites = next((s for other, s in _KNOWN if _equal(other, what)), None)
        if sites is None:
            try:
                sites = find_sites(network, image, asked[name])
            except (ValueError, RuntimeError, AssertionError) as error:
                raise ValueError(f'{key}: networks.{name}: {error}') from error
            _KNOWN.append((deepcopy(what), sites))
        found[name] = dict(sites)
    return found


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two are known to be equal; arrays in a config are not."""
    try:
        return bool(one == other)
    except (RuntimeError, ValueError):
        return False


def _structure(network: nn.Module) -> list:
    """Classes, rules and changed modules: sites depend on them and on the config."""
    modules = [(type(m), 'forward' in vars(m)) for m in network.modules()]
    return [modules, named_sites(last_head(network))]
