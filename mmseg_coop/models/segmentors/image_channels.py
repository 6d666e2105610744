"""Channels of the images that a network takes."""

from torch import nn


def in_channels(network: nn.Module) -> int:
    """Channels of the images that a network takes: those of its first convolution."""
    convs = (m for m in network.modules() if isinstance(m, nn.Conv2d))
    conv = next(convs, None)
    return 3 if conv is None else conv.in_channels


def image_channels(network: nn.Module, preprocessor: nn.Module) -> int:
    """Channels of the images that a preprocessor gives a network.

    Some networks have no convolution that reads images; most configs have a mean for
    each channel.
    """
    mean = getattr(preprocessor, 'mean', None)
    known = mean is not None and len(mean) > 1
    return len(mean) if known else in_channels(network)
