"""Describe sites by what dry runs have met at them."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from .dry_run import DryRun, Record, Seen, depends
from .site import Address, Site

# Strides at which tokens are looked for on a grid.
_STRIDES = range(1, 129)


class Layout(NamedTuple):
    """How a network holds a feature map.

    Attributes:
        name: ``NCHW``, ``NHWC`` or ``NLC``.
        shape: C, H and W.
        stride: Pixels of the image for a pixel of the feature map.
        extra_tokens: Tokens in front of those of the pixels.
    """

    name: str
    shape: tuple[int, int, int]
    stride: int
    extra_tokens: int = 0


def layout_of(feature: Tensor, image_size: Sequence[int]) -> Layout | None:
    """The layout of a feature map of one image, None if it can't be one.

    Args:
        feature: With three or four dimensions.
        image_size: Height and width of the image.
    """
    height, width = image_size
    if feature.shape[0] != 1:
        return None
    if feature.ndim == 4:
        for name, (c, h, w) in (('NCHW', (1, 2, 3)), ('NHWC', (3, 1, 2))):
            shape = tuple(feature.shape[i] for i in (c, h, w))
            # Pooled feature maps have lost the image's aspect ratio.
            if _proportional(shape[1:], image_size):
                return Layout(name, shape, max(1, round(width / shape[2])))
        return None
    for stride in _STRIDES:
        size = (-(-height // stride), -(-width // stride))
        extra = feature.shape[1] - size[0] * size[1]
        if extra in (0, 1):
            return Layout('NLC', (feature.shape[2], *size), stride, extra)
    return None


def _proportional(size: Sequence[int], image_size: Sequence[int]) -> bool:
    (h, w), (height, width) = size, image_size
    # Off by the rounding of both sides.
    return abs(h * width - w * height) <= max(height, width) * 1.5


class Describer:
    """Says what is at an address, and why it can't be a site.

    Args:
        run: The network, ready to run.
    """

    def __init__(self, run: DryRun):
        self.training = run.training()
        self.predicted, self.logits = run.prediction()
        self.recomputed = run.recomputed()

    def problem(self, address: Address) -> str | None:
        """Why an address is no site, or None."""
        modes = {'training': self.training, 'prediction': self.predicted}
        for mode, record in modes.items():
            count = record.calls[address.module]
            if count == 0 and record.complete:
                return f'is not called in {mode}; expected a module that is, once'
            if count > 1:
                return f'is called {count} times in {mode}; expected once'
        if address.module in self.recomputed:
            return (
                'is inside a region that is computed again in the backward pass '
                '(with_cp); expected a module outside, such as the one that holds it'
            )
        if self.layout(address) is None:
            return (
                'has no feature map; expected (N, C, H, W), (N, H, W, C) or tokens '
                f'(N, L, C) of a grid, found {self._shapes(address)}'
            )
        return None

    def layout(self, address: Address) -> Layout | None:
        """The layout of what is at an address, equal in training and prediction."""
        records = [
            record
            for record in (self.training, self.predicted)
            if record.calls[address.module]
        ]
        found = {
            layout_of(record.seen[address].feature, record.size)
            if address in record.seen
            else None
            for record in records
        }
        return found.pop() if len(found) == 1 else None

    def order(self, address: Address) -> int:
        """The place of an address in the order in which a network reaches them."""
        return self._seen(address)[1].order

    def site(self, name: str, address: Address, stream: str) -> Site:
        """Describe the site at an address that has no problem."""
        layout = self.layout(address)
        record, seen = self._seen(address)
        part = address.module.partition('.')[0]
        later = [
            output
            for module, order, output in record.weighted
            if order > seen.order and module.partition('.')[0] == part
        ]
        used = True
        if self.logits and address in self.predicted.seen:
            used = depends(self.logits, [self.predicted.seen[address].probe])[0]
        return Site(
            name=name,
            address=address,
            stream=stream,
            channels=layout.shape[0],
            stride=layout.stride,
            layout=layout.name,
            extra_tokens=layout.extra_tokens,
            deep=depends(later, [seen.probe])[0],
            used=used,
            overwritten=_is_overwritten(record, seen),
        )

    def _seen(self, address: Address) -> tuple[Record, Seen]:
        record = self.predicted if address in self.predicted.seen else self.training
        return record, record.seen[address]

    def _shapes(self, address: Address) -> list[tuple[int, ...]]:
        found = [
            tuple(seen.feature.shape)
            for record in (self.training, self.predicted)
            for other, seen in record.seen.items()
            if other.module == address.module
        ]
        return list(dict.fromkeys(found))


def _is_overwritten(record: Record, seen: Seen) -> bool:
    """Whether a feature map is changed in place, by whatever name it is passed on."""
    storage = seen.feature.untyped_storage()._cdata
    return seen.feature._version != seen.version or any(
        _is_overwritten(record, other)
        for other in record.seen.values()
        if other.order > seen.order and other.source.untyped_storage()._cdata == storage
    )
