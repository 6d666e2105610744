from .cooperation_loss import CooperationLoss
from .distill_loss import DistillLoss
from .loss_list import CooperationLosses, weighted
from .mutual_loss import MutualLoss

__all__ = [
    'CooperationLoss',
    'CooperationLosses',
    'DistillLoss',
    'MutualLoss',
    'weighted',
]
