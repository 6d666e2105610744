"""Compare an exported model with PyTorch."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from mmseg.structures import SegDataSample
from torch import Tensor, nn

from ...models.image_meta import image_meta
from ...wording import first_line
from .formats import Run

TOLERANCE = 1e-4


class Agreement(NamedTuple):
    """Agreement of an exported model and PyTorch on images.

    Attributes:
        difference: Largest difference of probabilities.
        pixels: Number of pixels.
        ties: Number of pixels with another label, where two classes tie.
    """

    difference: float
    pixels: int
    ties: int


@torch.no_grad()
def host_prediction(
    model: nn.Module, preprocess: bool, images: Tensor
) -> dict[str, Tensor]:
    """Predict images, (N, C, H, W), with the model's own methods.

    Returns:
        ``label`` and ``probabilities`` of a ``DeployedModel``.
    """
    meta = image_meta(images.shape[2:])
    samples = [SegDataSample(metainfo=meta) for _ in images]
    data = dict(inputs=images, data_samples=samples)
    if preprocess:
        data = model.data_preprocessor({**data, 'inputs': list(images)}, False)
    found = model(**data, mode='predict')
    shares = torch.stack([sample.seg_logits.data for sample in found])
    return dict(
        label=torch.cat([sample.pred_sem_seg.data for sample in found]).long(),
        # Of a model with one output they are probabilities already.
        probabilities=shares.softmax(1) if shares.shape[1] > 1 else shares,
    )


def compare(
    expected: Sequence[tuple[Tensor, Mapping[str, Tensor]]],
    run: Run,
    threshold: float | None,
) -> Agreement:
    """Compare an exported model with PyTorch's outputs of batches of images.

    Raises:
        ValueError: If the exported model fails, or gives other results.
    """
    found = []
    for image, outputs in expected:
        try:
            found.append(measure_agreement(outputs, run(image), threshold))
        except Exception as error:
            size = ' x '.join(map(str, image.shape))
            raise ValueError(f'images of {size}: {first_line(error)}') from error
    differences, pixels, ties = zip(*found, strict=True)
    return Agreement(max(differences), sum(pixels), sum(ties))


def measure_agreement(
    expected: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    threshold: float | None = None,
) -> Agreement:
    """Compare the outputs of PyTorch and of an exported model.

    Raises:
        ValueError: If probabilities differ by more than the tolerance, or labels differ
            where no two classes tie.
    """
    differences = {
        name: float((found[name] - expected[name]).abs().max())
        for name in ('probabilities', 'entropy')
        if name in expected
    }
    for name, difference in differences.items():
        # Written so that NaN fails, too.
        if not difference <= TOLERANCE:
            raise ValueError(
                f"{name} differ from PyTorch's by {difference:.2g}, expected "
                f'{TOLERANCE:.0e} or less'
            )
    differ, shares = found['label'] != expected['label'], expected['probabilities']
    if shares.shape[1] == 1:
        gaps = 2 * (shares[:, 0] - threshold).abs()
    else:
        of_found = shares.gather(1, found['label'][:, None]).squeeze(1)
        gaps = shares.amax(1) - of_found
    wrong = int((gaps[differ] > 2 * TOLERANCE).sum())
    if wrong:
        raise ValueError(
            f"{wrong} labels differ from PyTorch's, where no two classes tie"
        )
    return Agreement(differences['probabilities'], differ.numel(), int(differ.sum()))
