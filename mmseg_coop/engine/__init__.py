from ..models.weights import check_state_dict, load_weights
from ..unwrap import unwrap
from .atomic_backend import AtomicBackend
from .checkpoint_hook import SafeCheckpointHook
from .compile_hook import CompileTestHook
from .cooperation_hook import CooperationHook
from .evaluation_hook import CoopEvaluationHook
from .hooks import CheckpointMatchHook
from .layer_decay import (
    CoopLayerDecayOptimizerConstructor,
    CoopLearningRateDecayOptimizerConstructor,
)
from .non_finite_hook import NonFiniteError, NonFiniteHook
from .optim_wrapper import BFloat16OptimWrapper
from .safe_load import trust_checkpoints
from .skipped_data_hook import SkippedDataHook
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
    'NonFiniteError',
    'NonFiniteHook',
    'ResumableTrainLoop',
    'SafeCheckpointHook',
    'SkippedDataHook',
    'StopHook',
    'check_state_dict',
    'load_weights',
    'trust_checkpoints',
    'unwrap',
]
