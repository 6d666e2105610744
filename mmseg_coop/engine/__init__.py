from ..models.weights import check_state_dict, load_weights
from ..unwrap import unwrap
from .atomic_backend import AtomicBackend
from .checkpoint_hook import SafeCheckpointHook
from .compile_hook import CompileTestHook
from .cooperation_hook import CooperationHook
from .data_faults_hook import DataFaultsHook
from .evaluation_hook import CoopEvaluationHook
from .hooks import CheckpointMatchHook
from .layer_decay import (
    CoopLayerDecayOptimizerConstructor,
    CoopLearningRateDecayOptimizerConstructor,
)
from .non_finite_hook import NonFiniteError, NonFiniteHook
from .optim_wrapper import (
    BFloat16OptimWrapper,
    auto_amp,
    cpu_has_bfloat16,
    is_mixed_precision,
)
from .safe_load import trust_checkpoints
from .stop_hook import StopHook
from .train_loop import ResumableTrainLoop

__all__ = [
    'AtomicBackend',
    'BFloat16OptimWrapper',
    'CheckpointMatchHook',
    'CompileTestHook',
    'CoopEvaluationHook',
    'CoopLayerDecayOptimizerConstructor',
    'CoopLearningRateDecayOptimizerConstructor',
    'CooperationHook',
    'DataFaultsHook',
    'NonFiniteError',
    'NonFiniteHook',
    'ResumableTrainLoop',
    'SafeCheckpointHook',
    'StopHook',
    'auto_amp',
    'check_state_dict',
    'cpu_has_bfloat16',
    'is_mixed_precision',
    'load_weights',
    'trust_checkpoints',
    'unwrap',
]
