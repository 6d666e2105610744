"""Preprocessing as part of an exported model."""

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
        self.views, preprocessors = [None], [preprocessor]
        if isinstance(preprocessor, NetworksDataPreProcessor):
            if not inside:
                raise ValueError(
                    '--preprocess: networks have a data_preprocessor or inputs of '
                    'their own, and need different preprocessing; give --preprocess, '
                    'which puts it into the file'
                )
            self.views = [view.inputs for view in preprocessor.views]
            preprocessors = preprocessor.preprocessors
        self.steps = nn.ModuleList(map(_Step, preprocessors) if inside else ())

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
        if not isinstance(preprocessor, SegDataPreProcessor):
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
        self.size, self.divisor = padding.get('size'), padding.get('size_divisor')
        self.value = preprocessor.pad_val

    def forward(self, image: Tensor) -> Tensor:
        if self.swapped and image.shape[1] == 3:
            image = image.flip(1)
        image = image.float()
        if self.normalized:
            image = (image - self.mean) / self.std
        # As ``stack_batch`` pads.
        if self.size:
            sides = zip(self.size, image.shape[2:], strict=True)
            bottom, right = (max(size - side, 0) for size, side in sides)
        elif self.divisor:
            bottom, right = (-side % self.divisor for side in image.shape[2:])
        else:
            return image
        return F.pad(image, (0, right, 0, bottom), value=self.value)
