"""A network that learns from the predictions of others."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from .cooperation_loss import CooperationLoss, Lesson
from .divergence import disagreement


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
        right = isinstance(weigh_disagreement, bool)
        self._expect('weigh_disagreement', weigh_disagreement, right, 'True or False')
        right = not weigh_disagreement or len(self.teachers) > 1
        expected = 'at least two for weigh_disagreement=True'
        self._expect('teachers', teachers, right, expected)
        self.weigh_disagreement = weigh_disagreement

    @property
    def predicting(self) -> tuple[str, ...]:
        """The student and its teachers."""
        return (self.student, *self.teachers)

    def lessons(self, logits: Mapping[str, Tensor]) -> list[Lesson]:
        """The student with all its teachers."""
        weight = None
        if self.weigh_disagreement:
            known = [logits[teacher].detach() for teacher in self.teachers]
            known = [self._resized(x, known[0]) for x in known]
            weight = 1 + disagreement(known) / math.log(len(known))
        name = f'loss_distill_{self.student}'
        return [Lesson(name, self.student, self.teachers, weight)]
