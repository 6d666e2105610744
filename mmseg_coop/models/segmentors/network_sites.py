"""Sites of a model's networks, found by a dry run."""

from collections.abc import Mapping, Sequence

from torch import nn

from ..heads import last_head
from ..sites import Site, find_sites
from ..sites.head_sites import named_sites
from .image_shape import image_channels, image_size
from .network_configs import NetworkConfig

# Sites of networks, by what they depend on: tools build a model several times.
_KNOWN: dict[tuple, dict[str, Site]] = {}


def find_network_sites(
    networks: Mapping[str, nn.Module],
    configs: Mapping[str, NetworkConfig],
    preprocessor: nn.Module,
    asked: Mapping[str, Sequence[str]],
    key: str,
) -> dict[str, dict[str, Site]]:
    """Sites of all networks by name; alike networks have the same, found once.

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
        addresses = tuple(sorted(asked[name]))
        what = (repr(config.model), image, addresses, *_structure(network))
        if what not in _KNOWN:
            try:
                _KNOWN[what] = find_sites(network, image, asked[name])
            except (ValueError, RuntimeError, AssertionError) as error:
                raise ValueError(f'{key}: networks.{name}: {error}') from error
        found[name] = dict(_KNOWN[what])
    return found


def _structure(network: nn.Module) -> tuple:
    """Classes, rules and changed modules: sites depend on them and on the config."""
    modules = ((type(m), 'forward' in vars(m)) for m in network.modules())
    return tuple(modules), tuple(named_sites(last_head(network)))
