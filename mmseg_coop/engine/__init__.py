from .checkpoint import check_state_dict
from .evaluation_hook import CoopEvaluationHook
from .hooks import CheckpointMatchHook, unwrap
from .optim_wrapper import BFloat16OptimWrapper

__all__ = [
    'BFloat16OptimWrapper',
    'CheckpointMatchHook',
    'CoopEvaluationHook',
    'check_state_dict',
    'unwrap',
]
