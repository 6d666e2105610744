"""The module that is exported: from an image to labels, probabilities, uncertainty."""

import copy
from collections.abc import Sequence

import torch
from mmengine.config import ConfigDict
from mmengine.model import revert_sync_batchnorm
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn

from ...evaluation.entropy import entropy_of
from ...models.heads import last_head
from ...models.image_meta import image_meta
from ...models.mean_of_probabilities import MEAN
from ...models.segmentors import CooperativeEncoderDecoder
from .preprocessing import Preprocessing


class DeployedModel(nn.Module):
    """A segmentor without the parts for training and for MMEngine.

    It takes preprocessed images, (N, C, H, W), or, with ``preprocess``, images as the
    pipeline loads them. If the model predicts in windows (``slide``), it takes windows.

    Args:
        model: An ``EncoderDecoder`` or ``CooperativeEncoderDecoder``; it is copied.
        preprocess: Whether the data preprocessor is part of the module.
        uncertainty: Whether entropy and disagreement are outputs, for which all
            networks run up to their logits.

    Raises:
        ValueError: If the model has another class, or networks that read each other.
    """

    def __init__(
        self, model: nn.Module, preprocess: bool = False, uncertainty: bool = False
    ):
        super().__init__()
        if not isinstance(model, EncoderDecoder):
            raise ValueError(
                f'model.type: found a {type(model).__name__}, expected an '
                'EncoderDecoder or CooperativeEncoderDecoder'
            )
        model = revert_sync_batchnorm(copy.deepcopy(model).eval())
        model.test_cfg = ConfigDict({**(model.test_cfg or {}), 'mode': 'whole'})
        self.names: tuple[str, ...] = ()
        if isinstance(model, CooperativeEncoderDecoder):
            if model.plan.crossing:
                raise ValueError(
                    f'connections: networks {", ".join(model.plan.networks)} read each '
                    "other, and can't be exported; expected connections in one "
                    'direction'
                )
            every = uncertainty or model.predict_with == MEAN
            self.names = model.plan.networks if every else (model.predict_with,)
        self.preprocessing = Preprocessing(model.data_preprocessor, preprocess)
        # Heads that don't derive from BaseDecodeHead have none.
        self.threshold = getattr(last_head(model), 'threshold', None)
        self.uncertainty = uncertainty
        # Not part of the graph.
        model.data_preprocessor = None
        self.model = model

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Predict images, (N, C, H, W).

        Returns:
            ``label``, (N, H, W), int64; ``probabilities``, (N, num_classes, H, W), or
            (N, 1, H, W) for a model with one output. With ``uncertainty`` also
            ``entropy`` of the networks' mean, divided by the highest possible,
            (N, H, W), and for several networks ``disagreement``: whether their label
            maps differ, (N, H, W), bool.
        """
        height, width = image.shape[2:]
        logits = [x[..., :height, :width] for x in self._logits(image)]
        shares = [x.sigmoid() if x.shape[1] == 1 else x.softmax(1) for x in logits]
        selected = mean = sum(shares) / len(shares)
        if self.names and self.model.predict_with != MEAN:
            selected = shares[self.names.index(self.model.predict_with)]
        found = dict(label=self._label(selected), probabilities=selected)
        if self.uncertainty:
            found['entropy'] = entropy_of(mean)
            if len(shares) > 1:
                labels = [self._label(share) for share in shares]
                differ = [other != labels[0] for other in labels[1:]]
                found['disagreement'] = torch.stack(differ).any(dim=0)
        return found

    def _logits(self, image: Tensor) -> Sequence[Tensor]:
        image = self.preprocessing(image)
        metas = [image_meta(image.shape[2:])]
        if self.names:
            return self.model.networks_inference(image, metas, self.names)
        return [self.model.encode_decode(image, metas)]

    def _label(self, probabilities: Tensor) -> Tensor:
        if probabilities.shape[1] == 1:
            return (probabilities[:, 0] > self.threshold).long()
        return probabilities.argmax(dim=1)
