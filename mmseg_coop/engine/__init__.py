from .checkpoint import check_state_dict, load_weights
from .cooperation_hook import CooperationHook
from .evaluation_hook import CoopEvaluationHook
from .hooks import CheckpointMatchHook, unwrap
from .non_finite_hook import NonFiniteError, NonFiniteHook
from .optim_wrapper import BFloat16OptimWrapper
from .safe_load import trust_checkpoints
from .skipped_data_hook import SkippedDataHook

__all__ = [
    'BFloat16OptimWrapper',
    'CheckpointMatchHook',
    'CoopEvaluationHook',
    'CooperationHook',
    'NonFiniteError',
    'NonFiniteHook',
    'SkippedDataHook',
    'check_state_dict',
    'load_weights',
    'trust_checkpoints',
    'unwrap',
]
