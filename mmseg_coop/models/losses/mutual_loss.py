"""Networks that learn from each other's predictions."""

from collections.abc import Mapping, Sequence

from mmseg.registry import MODELS
from torch import Tensor

from .cooperation_loss import CooperationLoss


@MODELS.register_module()
class MutualLoss(CooperationLoss):
    """Deep mutual learning: each network mimics the predictions of the others.

    Zhang et al., *Deep Mutual Learning*, CVPR 2018, Eq. (5) and (7): for each student
    the mean over the others of KL(other || student).

    Args:
        students: Networks that learn so. Default: all; with one of two networks only
            that direction is taken.
        **kwargs: As for :class:`CooperationLoss`.
    """

    def __init__(
        self,
        networks: Sequence[str],
        students: Sequence[str] | None = None,
        **kwargs,
    ):
        super().__init__(networks, **kwargs)
        students = self.networks if students is None else students
        self.students = self._check_names('students', students)

    @property
    def reads(self) -> tuple[str, ...]:
        """All networks."""
        return self.networks

    def pairs(
        self, logits: Mapping[str, Tensor]
    ) -> dict[str, tuple[str, list[str], Tensor | None]]:
        """Each student with each other network."""
        return {
            f'loss_mutual_{student}_{other}': (student, [other], None)
            for student in self.students
            for other in self.networks
            if other != student
        }
