"""A network that learns from the predictions of others."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from ..mean_of_probabilities import log_probabilities, mean_log_probabilities
from ..plan import SiteRef
from ..sites import LOGITS
from .cooperation_loss import CooperationLoss


@MODELS.register_module()
class DistillLoss(CooperationLoss):
    """Distillation per pixel: a student mimics the mean of its teachers' predictions.

    Hinton et al., *Distilling the Knowledge in a Neural Network*, 2015, Section 2; per
    pixel as in Liu et al., *Structured Knowledge Distillation for Semantic
    Segmentation*, CVPR 2019, Eq. (2). Logged as ``loss_distill_<student>``.

    Args:
        student: The network that learns.
        teachers: The networks that it learns from. Default: all others.
        weigh_disagreement: Pixels at which teachers disagree count more: by 1 + D / max
            D with the Jensen-Shannon divergence D of the teachers and its maximum, the
            logarithm of their number. Needs several teachers.
        **kwargs: As for :class:`CooperationLoss`.
    """

    def __init__(
        self,
        student: str,
        teachers: Sequence[str] | None = None,
        weigh_disagreement: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        expected = f'one that is trained: {", ".join(self.trained)}'
        self._expect('student', student, student in self.trained, expected)
        self.student = student
        others = [name for name in self.networks if name != student]
        teachers = others if teachers is None else teachers
        self.teachers = self._names('teachers', teachers, others)
        valid = isinstance(weigh_disagreement, bool)
        self._expect('weigh_disagreement', weigh_disagreement, valid, 'True or False')
        valid = not weigh_disagreement or len(self.teachers) > 1
        expected = 'at least two for weigh_disagreement=True'
        self._expect('teachers', teachers, valid, expected)
        self.weigh_disagreement = weigh_disagreement

    @property
    def reads(self) -> tuple[SiteRef, ...]:
        """The logits of the student and of its teachers."""
        return tuple(SiteRef(name, LOGITS) for name in (self.student, *self.teachers))

    def compare(
        self, logits: Mapping[str, Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        """The student with the mean of all its teachers."""
        teachers = [logits[name] for name in self.teachers]
        pixels = None
        if self.weigh_disagreement:
            known = [self._resized(x.detach(), teachers[0]) for x in teachers]
            pixels = 1 + _disagreement(known) / math.log(len(known))
        found = self.mimic(logits[self.student], teachers, labels, pixels)
        return {f'loss_distill_{self.student}': found}


def _disagreement(logits: Sequence[Tensor]) -> Tensor:
    """Jensen-Shannon divergence of several predictions at each pixel.

    Of logits (N, C, H, W), it is (N, 1, H, W): 0 where all agree, at most log(number of
    predictions).
    """
    mean = mean_log_probabilities(logits)
    total = 0
    for x in logits:
        own = log_probabilities(x)
        total = total + (own.exp() * (own - mean)).sum(1, keepdim=True)
    return total / len(logits)
