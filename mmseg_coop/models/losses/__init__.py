from .cooperation_loss import CooperationLoss
from .distill_loss import DistillLoss
from .mutual_loss import MutualLoss

__all__ = ['CooperationLoss', 'DistillLoss', 'MutualLoss']
