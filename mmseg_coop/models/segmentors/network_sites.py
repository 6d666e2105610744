"""Sites of a model's networks, found by a dry run."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from ..sites import Site, find_sites
from .network_configs import NetworkConfig, image_channels

# Size of the image of a dry run, where the config does not tell one.
_IMAGE_SIZE = (512, 512)


def find_network_sites(
    networks: Mapping[str, nn.Module],
    configs: Mapping[str, NetworkConfig],
    preprocessor: nn.Module,
    asked: Mapping[str, Sequence[str]],
    key: str,
) -> dict[str, dict[str, Site]]:
    """Sites of all networks by name; alike networks have the same, found once.

    Args:
        networks: By name.
        configs: Of each network.
        preprocessor: Of the images; it may tell their size and channels.
        asked: Sites of each network that are wanted besides those that are found.
        key: The config key that asks for them, for errors.

    Raises:
        ValueError: If a site that is wanted can't be one.
    """
    found: dict[str, dict[str, Site]] = {}
    known: list[tuple[Any, dict[str, Site]]] = []
    size = getattr(preprocessor, 'size', None)
    for name, network in networks.items():
        config = configs[name]
        inputs = len(config.inputs) if config.inputs else None
        what = (config.model, inputs, sorted(asked[name]))
        sites = next((s for other, s in known if other == what), None)
        if sites is None:
            channels = inputs or image_channels(network, preprocessor)
            image = (channels, *_image_size(network, size))
            try:
                sites = find_sites(network, image, asked[name])
            except ValueError as error:
                raise ValueError(f'{key}: networks.{name}: {error}') from None
            known.append((what, sites))
        found[name] = sites
    return found


def _image_size(network: nn.Module, size: Any) -> tuple[int, int]:
    """A size that a network takes: that of training crops, or of its embeddings."""
    backbone = getattr(network, 'backbone', None)
    size = size or getattr(backbone, 'img_size', None) or _IMAGE_SIZE
    return (size, size) if isinstance(size, int) else tuple(size)[-2:]
