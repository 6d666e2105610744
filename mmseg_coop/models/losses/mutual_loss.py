"""Networks that learn from each other's predictions."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmseg.registry import MODELS
from torch import Tensor

from .cooperation_loss import CooperationLoss


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

    def compare(
        self, logits: Mapping[str, Tensor], labels: Tensor
    ) -> dict[str, Tensor]:
        """Each student with each other network, and the mean over these."""
        count = len(self.networks) - 1
        losses = {}
        for student in self.students:
            for other in self.networks:
                if other != student:
                    found = self.mimic(logits[student], [logits[other]], labels)
                    losses[f'loss_mutual_{student}_{other}'] = found / count
        return losses
