"""A named point inside a network where a feature map can be read and replaced."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .layout import grid_sizes

TRUNK = 'trunk'
# A site's name and stream: what the decode head predicts with.
LOGITS = 'logits'
_INPUT = 'in'


class Address(NamedTuple):
    """Address of a feature map, written ``path``, ``path:1`` or ``path:in``.

    Attributes:
        module: Path of a module inside the network.
        at_input: The feature map is the module's first input, not its output.
        index: Place in an output of several tensors, as in ``path:1`` or, in nested
            ones, ``path:1.0``; empty for an output that is one tensor.
    """

    module: str
    at_input: bool = False
    index: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> 'Address':
        """Read an address."""
        module, colon, place = text.partition(':')
        if not colon:
            return cls(module)
        if place == _INPUT:
            return cls(module, at_input=True)
        parts = place.split('.')
        if not all(part.isdecimal() for part in parts):
            raise ValueError(
                f"site {text!r}: expected a module's path, or one with ':in' (its "
                "input) or ':1' (a place in its output) behind it"
            )
        return cls(module, index=tuple(map(int, parts)))

    def read(self, value: Any) -> Any:
        """The tensor here, out of a module's output, or its inputs."""
        for i in self._place:
            value = value[i]
        return value

    def write(self, value: Any, feature: Tensor) -> Any:
        """The module's output, or its inputs, with another tensor in its place."""
        return _replaced(value, self._place, feature)

    @property
    def _place(self) -> tuple[int, ...]:
        return (0,) if self.at_input else self.index

    def is_in(self, part: str) -> bool:
        """Tell whether it is a part of the network, or inside of it."""
        return f'{self.module}.'.startswith(f'{part}.')

    def __str__(self) -> str:
        if self.at_input:
            return f'{self.module}:{_INPUT}'
        place = '.'.join(map(str, self.index))
        return f'{self.module}:{place}' if place else self.module


@dataclass(frozen=True)
class Site:
    """A named point inside a network.

    Attributes:
        name: How configs name it: its address, or a shorter name such as
            ``decode_head.aspp``.
        address: Where the feature map is found.
        stream: ``trunk``, a branch of the head such as ``pam``, or ``logits``.
        channels: C of the feature map.
        stride: Pixels of the input for a pixel of the feature map.
        layout: How the network holds it: ``NCHW``, ``NHWC`` or, as tokens, ``NLC``.
        extra_tokens: Tokens in front of those of the pixels, such as a class token;
            they are left alone.
        deep: Later layers of the same part (the backbone, a head) depend on it.
        used: The losses or the logits depend on it; False for an output level of a
            backbone that no head takes.
        needs: Names of the network's other sites on which the feature map depends.
        overwritten: The network changes the feature map in place after the site, so
            that whoever reads it later needs a copy.
    """

    name: str
    address: Address
    stream: str
    channels: int
    stride: int
    layout: str = 'NCHW'
    extra_tokens: int = 0
    deep: bool = False
    used: bool = True
    needs: frozenset[str] = frozenset()
    overwritten: bool = False

    @property
    def part(self) -> str:
        """The part of the network that it is in, as in ``backbone``."""
        return self.address.module.partition('.')[0]

    def to_map(self, feature: Tensor, image_size: Sequence[int]) -> Tensor:
        """The network's own tensor as a feature map, (N, C, H, W).

        Args:
            feature: In the site's layout.
            image_size: Height and width of the network's input.
        """
        if self.layout == 'NCHW':
            return feature
        if self.layout == 'NHWC':
            return feature.permute(0, 3, 1, 2)
        pixels = feature[:, self.extra_tokens :]
        size = self._grid(pixels.shape[1], image_size)
        return pixels.transpose(1, 2).unflatten(2, size)

    def _grid(self, tokens: int, image_size: Sequence[int]) -> tuple[int, int]:
        """Height and width of the tokens of an image."""
        padded, cut = grid_sizes(image_size, self.stride)
        # Recorded graphs of any size must not depend on a comparison of sizes.
        if torch.compiler.is_compiling() or tokens == padded[0] * padded[1]:
            return padded
        if tokens == cut[0] * cut[1]:
            return cut
        raise ValueError(
            f'site {self.name}: found {tokens} tokens, expected {padded[0]} x '
            f'{padded[1]} for an image of {tuple(image_size)} at stride '
            f'{self.stride}; pad images to a multiple of the stride '
            '(data_preprocessor.size_divisor)'
        )

    def from_map(self, fused: Tensor, feature: Tensor) -> Tensor:
        """A feature map (N, C, H, W) in the layout of the network's own tensor."""
        if self.layout == 'NCHW':
            return fused
        if self.layout == 'NHWC':
            return fused.permute(0, 2, 3, 1)
        tokens = fused.flatten(2).transpose(1, 2)
        if not self.extra_tokens:
            return tokens
        return torch.cat([feature[:, : self.extra_tokens], tokens], dim=1)


def _replaced(value: Any, index: tuple[int, ...], feature: Tensor) -> Any:
    """A nested output with another tensor at one place, in containers of its types."""
    if not index:
        return feature
    items = list(value)
    items[index[0]] = _replaced(items[index[0]], index[1:], feature)
    return type(value)(*items) if hasattr(value, '_fields') else type(value)(items)
