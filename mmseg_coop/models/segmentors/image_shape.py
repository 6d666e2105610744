"""Shape of the images of a model: as they are loaded, and preprocessed."""

from typing import Any

from mmseg.models.segmentors import EncoderDecoder
from torch import nn

from ..data_preprocessors import NetworksDataPreProcessor

# Size of the image of a dry run, where the config does not tell one.
_IMAGE_SIZE = (512, 512)


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
    known = _length_of_mean(preprocessor)
    return known if known > 1 else in_channels(network)


def image_size(network: nn.Module, size: Any) -> tuple[int, int]:
    """A size that a network takes: that of training crops, or of its embeddings."""
    backbone = getattr(network, 'backbone', None)
    size = size or getattr(backbone, 'img_size', None) or _IMAGE_SIZE
    return (size, size) if isinstance(size, int) else tuple(size)[-2:]


def loaded_channels(model: EncoderDecoder) -> int:
    """Channels of the images that the pipeline gives a model.

    Channels after the last one that a network or preprocessor reads are not counted.
    """
    preprocessor, inputs = model.data_preprocessor, _inputs(model)
    counts = [getattr(preprocessor, 'channels', 0), _length_of_mean(preprocessor)]
    for name, network in _networks(model).items():
        own = inputs.get(name)
        counts.append(max(own) + 1 if own else in_channels(network))
    return max(counts)


def preprocessed_shape(model: EncoderDecoder) -> tuple[int, int, int]:
    """C, H and W of a training image as a model's data preprocessor gives it."""
    preprocessor = model.data_preprocessor
    network = next(iter(_networks(model).values()))
    if isinstance(preprocessor, NetworksDataPreProcessor):
        channels = sum(view.count for view in preprocessor.views)
    elif _inputs(model):
        channels = loaded_channels(model)
    else:
        channels = image_channels(network, preprocessor)
    return channels, *image_size(network, getattr(preprocessor, 'size', None))


def _length_of_mean(preprocessor: nn.Module) -> int:
    mean = getattr(preprocessor, 'mean', None)
    return 0 if mean is None else len(mean)


def _networks(model: EncoderDecoder) -> dict[str, nn.Module]:
    return dict(getattr(model, 'networks', {'': model}))


def _inputs(model: EncoderDecoder) -> dict[str, tuple[int, ...]]:
    """Channels that networks see which don't see all."""
    configs = getattr(model, 'configs', {})
    return {name: c.inputs for name, c in configs.items() if c.inputs}
