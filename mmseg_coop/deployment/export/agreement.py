"""Compare an exported model with PyTorch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ...evaluation.entropy import entropy_of
from ...models.segmentors import CooperativeEncoderDecoder
from ...models.segmentors.combine import MEAN
from .deployed_model import probabilities_of

TOLERANCE = 1e-4


class DifferenceError(ValueError):
    """An exported model and PyTorch give different results."""


@dataclass(frozen=True)
class Agreement:
    """Agreement of an exported model and PyTorch on images.

    Attributes:
        difference: Largest difference of probabilities.
        pixels: Number of pixels.
        ties: Number of pixels with another label, where two classes tie.
    """

    difference: float = 0.0
    pixels: int = 0
    ties: int = 0

    def __add__(self, other: 'Agreement') -> 'Agreement':
        return Agreement(
            max(self.difference, other.difference),
            self.pixels + other.pixels,
            self.ties + other.ties,
        )


def reference(
    model: nn.Module, preprocessed: bool, uncertainty: bool
) -> Callable[[Tensor], dict[str, Tensor]]:
    """Make a function that predicts with the model's own methods.

    Args:
        model: The model.
        preprocessed: Whether images are preprocessed already.
        uncertainty: Whether entropy and disagreement are computed.

    Returns:
        A function of images, (N, C, H, W), with the outputs of a ``DeployedModel``.
    """

    @torch.no_grad()
    def predict(images: Tensor) -> dict[str, Tensor]:
        height, width = images.shape[2:]
        inputs = images
        if not preprocessed:
            samples = [SegDataSample(metainfo=dict(img_shape=(height, width)))]
            data = dict(inputs=list(images), data_samples=samples * len(images))
            inputs = model.data_preprocessor(data, False)['inputs']
        size = tuple(inputs.shape[2:])
        metas = [dict(img_shape=size, ori_shape=size, pad_shape=size)] * len(inputs)
        if uncertainty and isinstance(model, CooperativeEncoderDecoder):
            logits = model.all_logits(inputs, metas)
            selected, mean = logits[model.predict_with], logits[MEAN]
            networks = [logits[name] for name in model.plan.networks]
        else:
            selected = mean = model.inference(inputs, metas)
            networks = [selected]
        threshold = getattr(model.decode_head, 'threshold', None)

        def labels(values: Tensor) -> Tensor:
            values = values[..., :height, :width]
            if values.shape[1] == 1:
                return (values[:, 0].sigmoid() > threshold).long()
            return values.argmax(dim=1)

        found = dict(
            label=labels(selected),
            probabilities=probabilities_of(selected)[..., :height, :width],
        )
        if uncertainty:
            found['entropy'] = entropy_of(probabilities_of(mean))[..., :height, :width]
            maps = torch.stack([labels(values) for values in networks])
            if len(maps) > 1:
                found['disagreement'] = (maps != maps[0]).any(dim=0)
        return found

    return predict


def measure_agreement(
    expected: Mapping[str, Tensor], found: Mapping[str, Tensor]
) -> Agreement:
    """Compare the outputs of PyTorch and of an exported model.

    Raises:
        DifferenceError: If probabilities differ by more than the tolerance, or labels
            differ where no two classes tie.
    """
    if found.keys() != expected.keys():
        raise DifferenceError(
            f'it gives {", ".join(found)}, expected {", ".join(expected)}'
        )
    for name, value in expected.items():
        if found[name].shape != value.shape:
            raise DifferenceError(
                f'{name} has shape {tuple(found[name].shape)}, expected '
                f'{tuple(value.shape)}'
            )
    differences = {
        name: float((found[name] - expected[name]).abs().max())
        for name in ('probabilities', 'entropy')
        if name in expected
    }
    for name, difference in differences.items():
        # Written so that NaN fails, too.
        if not difference <= TOLERANCE:
            raise DifferenceError(
                f"{name} differ from PyTorch's by {difference:.2g}, expected "
                f'{TOLERANCE:.0e} or less'
            )
    ties = _ties(expected, found)
    return Agreement(differences['probabilities'], expected['label'].numel(), ties)


def _ties(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> int:
    """Count pixels with another label, which must be ties within the tolerance."""
    differ = found['label'] != expected['label']
    shares = expected['probabilities']
    if shares.shape[1] == 1:
        # The threshold lies between PyTorch's background and object pixels.
        shares, positive = shares[:, 0], expected['label'] > 0
        low = shares[~positive].max() if (~positive).any() else 0
        high = shares[positive].min() if positive.any() else 1
        found_low, found_high = differ & positive, differ & ~positive
        gaps = torch.cat([shares[found_low] - low, high - shares[found_high]])
    else:
        of_found = shares.gather(1, found['label'][:, None]).squeeze(1)
        gaps = (shares.amax(1) - of_found)[differ]
    wrong = int((gaps > 2 * TOLERANCE).sum())
    if wrong:
        raise DifferenceError(
            f"{wrong} labels differ from PyTorch's, where no two classes tie"
        )
    return int(differ.sum())
