"""A network that learns from the predictions of others."""

import math
from collections.abc import Mapping, Sequence

from mmseg.registry import MODELS
from torch import Tensor

from ..expect import expect, expect_bool
from .cooperation_loss import CooperationLoss
from .divergence import disagreement


@MODELS.register_module()
class DistillLoss(CooperationLoss):
    """Distillation per pixel: a student mimics the mean of its teachers' predictions.

    Hinton et al., *Distilling the Knowledge in a Neural Network*, 2015, Section 2; per
    pixel as in Liu et al., *Structured Knowledge Distillation for Semantic
    Segmentation*, CVPR 2019, Eq. (2).

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
        networks: Sequence[str],
        student: str,
        teachers: Sequence[str] | None = None,
        weigh_disagreement: bool = False,
        **kwargs,
    ):
        super().__init__(networks, **kwargs)
        (self.student,) = self._check_names('student', [student])
        if teachers is None:
            teachers = [name for name in self.networks if name != student]
        self.teachers = self._check_names('teachers', teachers)
        key = 'cooperation_losses.teachers'
        right = student not in self.teachers
        expect(key, list(self.teachers), right, f'others than the student {student}')
        expect_bool('cooperation_losses.weigh_disagreement', weigh_disagreement)
        right = not weigh_disagreement or len(self.teachers) > 1
        expected = 'at least two teachers for weigh_disagreement=True'
        expect(key, list(self.teachers), right, expected)
        self.weigh_disagreement = weigh_disagreement

    @property
    def reads(self) -> tuple[str, ...]:
        """The student and its teachers."""
        return (self.student, *self.teachers)

    def pairs(
        self, logits: Mapping[str, Tensor]
    ) -> dict[str, tuple[str, list[str], Tensor | None]]:
        """The student with all its teachers."""
        weight = None
        if self.weigh_disagreement:
            known = [logits[teacher].detach() for teacher in self.teachers]
            known = [self._resized(x, known[0]) for x in known]
            weight = 1 + disagreement(known) / math.log(len(known))
        name = f'loss_distill_{self.student}'
        return {name: (self.student, list(self.teachers), weight)}
