"""Networks that learn from each other's predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from .cooperation_loss import CooperationLoss, Lesson


@MODELS.register_module()
class MutualLoss(CooperationLoss):
    """Deep mutual learning: each network mimics the predictions of the others.

    Zhang et al., *Deep Mutual Learning*, CVPR 2018, Eq. (5) and (7): for each student
    the mean over the others of KL(other || student). Logged as
    ``loss_mutual_<student>_<other>``.

    Args:
        students: Networks that learn. Default: all that are trained. With one of two
            networks, only this one learns from the other.
        **kwargs: As for :class:`CooperationLoss`.
    """

    def __init__(self, students: Sequence[str] | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        students = self.trained if students is None else students
        self.students = self._names('students', students, self.trained)

    @property
    def predicting(self) -> tuple[str, ...]:
        """All networks."""
        return self.networks

    def lessons(self, logits: Mapping[str, Tensor]) -> list[Lesson]:
        """Each student with each other network."""
        return [
            Lesson(f'loss_mutual_{student}_{other}', student, [other])
            for student in self.students
            for other in self.networks
            if other != student
        ]
