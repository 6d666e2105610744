"""Find the sites of a network without running it on real data."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn
from torch.func import functional_call

from .walk import forward_head, walk

# Large enough that strides up to 64 divide it; a dry run computes nothing.
_IMAGE_SIZE = 512


@dataclass(frozen=True)
class Site:
    """A named point inside a network where a feature map can be read and replaced.

    Attributes:
        name: Path of the module whose output it is, as in ``backbone.layer1``.
        stream: ``trunk``, or a branch of the head such as ``pam``.
        channels: C of the feature map (N, C, H, W).
        stride: Pixels of the input for a pixel of the feature map.
        overwritten: The network changes the feature map in place after the site,
            so that whoever reads it later needs a copy.
    """

    name: str
    stream: str
    channels: int
    stride: int
    overwritten: bool


def find_sites(network: EncoderDecoder) -> dict[str, Site]:
    """List the sites of a network in the order in which a walk reaches them.

    A dry run on the meta device: shapes only, no arithmetic, and the network's
    weights and running statistics stay as they are.

    Args:
        network: The network; on any device, in train or eval mode.

    Returns:
        The sites by name.
    """
    tensors = dict(network.named_parameters()) | dict(network.named_buffers())
    state = {
        f'network.{name}': torch.empty_like(value, device='meta')
        for name, value in tensors.items()
    }
    image = torch.empty(
        1, _in_channels(network.backbone), _IMAGE_SIZE, _IMAGE_SIZE, device='meta'
    )
    # Batch norm in eval mode: a pooled 1x1 feature map has no statistics.
    with torch.no_grad(), _eval_mode(network):
        return functional_call(_DryRun(network), state, (image,))


class _DryRun(nn.Module):
    def __init__(self, network: EncoderDecoder):
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> dict[str, Site]:
        stops, versions, walked = [], [], None
        steps = walk(self.network, image)
        try:
            stop = next(steps)
            while True:
                stops.append(stop)
                versions.append(stop.feature._version)
                stop = steps.send(stop.feature)
        except StopIteration as end:
            walked = end.value
        self._run_heads(walked)
        return {
            stop.site: Site(
                name=stop.site,
                stream=stop.stream,
                channels=stop.feature.shape[1],
                stride=image.shape[-1] // stop.feature.shape[-1],
                # Every change in place counts up the version of the tensor.
                overwritten=stop.feature._version != version,
            )
            for stop, version in zip(stops, versions, strict=True)
        }

    def _run_heads(self, walked) -> None:
        """Heads that were not walked may change what they are given, too."""
        forward_head(self.network.decode_head, walked)
        auxiliary = getattr(self.network, 'auxiliary_head', None)
        if auxiliary is None:
            return
        heads = auxiliary if isinstance(auxiliary, nn.ModuleList) else [auxiliary]
        for head in heads:
            head(walked.features)


def _in_channels(backbone: nn.Module) -> int:
    convs = (m for m in backbone.modules() if isinstance(m, nn.Conv2d))
    first = next(convs, None)
    return 3 if first is None else first.in_channels


@contextmanager
def _eval_mode(module: nn.Module) -> Iterator[None]:
    # Per module: frozen stages of a network in train mode stay in eval mode.
    modes = {m: m.training for m in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for m, training in modes.items():
            m.training = training
