"""Shape of the images of a model: as they are loaded, and preprocessed."""

from mmseg.models.segmentors import EncoderDecoder
from torch import nn

from ..data_preprocessors import NetworksDataPreProcessor
from .image_channels import image_channels, in_channels
from .network_sites import image_size


def loaded_channels(model: EncoderDecoder) -> int:
    """Channels of the images that the pipeline gives a model.

    Channels after the last one that a network or preprocessor reads are not counted.
    """
    preprocessor = model.data_preprocessor
    mean = getattr(preprocessor, 'mean', None)
    counts = [getattr(preprocessor, 'channels', 0), 0 if mean is None else len(mean)]
    for name, network in _networks(model).items():
        inputs = _inputs(model, name)
        counts.append(max(inputs) + 1 if inputs else in_channels(network))
    return max(counts)


def preprocessed_shape(model: EncoderDecoder) -> tuple[int, int, int]:
    """C, H and W of a training image as a model's data preprocessor gives it."""
    size = getattr(model.data_preprocessor, 'size', None)
    network = next(iter(_networks(model).values()))
    return _preprocessed_channels(model), *image_size(network, size)


def _preprocessed_channels(model: EncoderDecoder) -> int:
    preprocessor = model.data_preprocessor
    if isinstance(preprocessor, NetworksDataPreProcessor):
        return sum(view.count for view in preprocessor.views)
    networks = _networks(model)
    if any(_inputs(model, name) for name in networks):
        return loaded_channels(model)
    return image_channels(next(iter(networks.values())), preprocessor)


def _networks(model: EncoderDecoder) -> dict[str, nn.Module]:
    return dict(getattr(model, 'networks', {'': model}))


def _inputs(model: EncoderDecoder, name: str) -> tuple[int, ...] | None:
    return model.configs[name].inputs if name else None
