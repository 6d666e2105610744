from .checkpoint import check_state_dict, load_weights
from .cooperation_hook import CooperationHook
from .evaluation_hook import CoopEvaluationHook
from .hooks import CheckpointMatchHook, unwrap
from .optim_wrapper import BFloat16OptimWrapper
from .safe_load import trust_checkpoints

__all__ = [
    'BFloat16OptimWrapper',
    'CheckpointMatchHook',
    'CoopEvaluationHook',
    'CooperationHook',
    'check_state_dict',
    'load_weights',
    'trust_checkpoints',
    'unwrap',
]
