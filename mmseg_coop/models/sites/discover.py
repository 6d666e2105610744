"""Find the sites of a network without running it on real data."""

from dataclasses import dataclass
from typing import Any

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn
from torch.func import functional_call

from ...eval_mode import eval_mode
from .walk import Walked, auxiliary_heads, forward_head, walk

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
        used: A head reads it, directly or not; False for an output level of a
            backbone that no head takes.
    """

    name: str
    stream: str
    channels: int
    stride: int
    overwritten: bool
    used: bool


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
    with torch.enable_grad(), eval_mode(network):
        return functional_call(_DryRun(network), state, (image,))


class _DryRun(nn.Module):
    def __init__(self, network: EncoderDecoder):
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> dict[str, Site]:
        passed = []
        steps = walk(self.network, image)
        try:
            stop = next(steps)
            while True:
                # What is added to the feature map tells whether a head reads it.
                probe = torch.zeros((), device='meta', requires_grad=True)
                feature = stop.feature + probe
                passed.append((stop, feature, feature._version, probe))
                stop = steps.send(feature)
        except StopIteration as end:
            outputs = self._run_heads(end.value)
        sum(output.sum() for output in outputs).backward()
        return {
            stop.site: Site(
                name=stop.site,
                stream=stop.stream,
                channels=stop.feature.shape[1],
                stride=image.shape[-1] // stop.feature.shape[-1],
                # Every change in place counts up the version of the tensor.
                overwritten=feature._version != version,
                used=probe.grad is not None,
            )
            for stop, feature, version, probe in passed
        }

    def _run_heads(self, walked: Walked) -> list[Tensor]:
        """Run what follows the walk; heads that are not walked belong to it."""
        outputs = [forward_head(self.network.decode_head, walked)]
        outputs += [head(walked.features) for head in auxiliary_heads(self.network)]
        return _tensors(outputs)


def _tensors(outputs: Any) -> list[Tensor]:
    """All tensors of nested lists, tuples and dicts that depend on a probe."""
    if isinstance(outputs, Tensor):
        return [outputs] if outputs.requires_grad else []
    if isinstance(outputs, dict):
        outputs = list(outputs.values())
    if isinstance(outputs, list | tuple):
        return [tensor for output in outputs for tensor in _tensors(output)]
    return []


def _in_channels(backbone: nn.Module) -> int:
    convs = (m for m in backbone.modules() if isinstance(m, nn.Conv2d))
    first = next(convs, None)
    return 3 if first is None else first.in_channels
