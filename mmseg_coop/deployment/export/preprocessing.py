"""Preprocessing as part of an exported model."""

from collections.abc import Sequence

import torch
from mmseg.models import SegDataPreProcessor
from torch import Tensor, nn
from torch.nn import functional as F

from ...models.data_preprocessors import NetworksDataPreProcessor


class Preprocessing(nn.Module):
    """Colour order, normalisation and padding of a data preprocessor, for a tensor.

    Args:
        preprocessor: A ``SegDataPreProcessor`` or ``NetworksDataPreProcessor``.
        inside: Whether images are preprocessed; otherwise they are returned unchanged.

    Raises:
        ValueError: If a preprocessor has another class, or networks need different
            preprocessing and ``inside`` is False.
    """

    def __init__(self, preprocessor: nn.Module, inside: bool):
        super().__init__()
        self.views: list[Sequence[int] | None] = []
        self.steps = nn.ModuleList()
        differ = isinstance(preprocessor, NetworksDataPreProcessor)
        if differ and not inside:
            raise ValueError(
                '--preprocess: networks have a data_preprocessor or inputs of their '
                'own, so that no one preprocessed image is what they take; give '
                '--preprocess, which puts it into the file'
            )
        if not inside:
            return
        if differ:
            self.views = [view.inputs for view in preprocessor.views]
            preprocessors = preprocessor.preprocessors
        else:
            self.views, preprocessors = [None], [preprocessor]
        self.steps = nn.ModuleList(map(_Step, preprocessors))

    def forward(self, image: Tensor) -> Tensor:
        """Preprocess loaded images, (N, C, H, W)."""
        if not self.steps:
            return image
        parts = [
            step(image if view is None else image[:, list(view)])
            for view, step in zip(self.views, self.steps, strict=True)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


class _Step(nn.Module):
    """Preprocessing of one ``SegDataPreProcessor``, as in prediction."""

    def __init__(self, preprocessor: nn.Module):
        super().__init__()
        known = SegDataPreProcessor.forward
        if getattr(type(preprocessor), 'forward', None) is not known:
            raise ValueError(
                f'--preprocess: data_preprocessor is a {type(preprocessor).__name__}, '
                'expected a SegDataPreProcessor; leave --preprocess out'
            )
        self.swapped = preprocessor._channel_conversion
        self.normalized = preprocessor._enable_normalize
        if self.normalized:
            self.register_buffer('mean', preprocessor.mean.clone())
            self.register_buffer('std', preprocessor.std.clone())
        padding = preprocessor.test_cfg or {}
        self.size = padding.get('size')
        self.divisor = padding.get('size_divisor')
        self.value = preprocessor.pad_val

    def forward(self, image: Tensor) -> Tensor:
        if self.swapped and image.shape[1] == 3:
            image = image.flip(1)
        image = image.float()
        if self.normalized:
            image = (image - self.mean) / self.std
        bottom, right = self._padding(*image.shape[2:])
        if isinstance(bottom, int) and isinstance(right, int) and not bottom + right:
            return image
        return F.pad(image, (0, right, 0, bottom), value=self.value)

    def _padding(self, height: int, width: int) -> tuple[int, int]:
        """Compute the padding of ``stack_batch`` for an image."""
        if self.size is not None:
            return max(self.size[-2] - height, 0), max(self.size[-1] - width, 0)
        if self.divisor is None:
            return 0, 0
        return -height % self.divisor, -width % self.divisor
