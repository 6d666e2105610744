from .amp_optim_wrapper import BFloat16OptimWrapper, auto_amp
from .checkpoint_hook import SafeCheckpointHook
from .checkpoint_match_hook import CheckpointMatchHook
from .compile_test_hook import CompileTestHook
from .cooperation_hook import CooperationHook
from .data_faults_hook import DataFaultsHook
from .evaluation_hook import CoopEvaluationHook
from .evaluation_loops import CoopTestLoop, CoopValLoop
from .layer_decay import CoopLearningRateDecayOptimizerConstructor
from .non_finite_hook import NonFiniteError, NonFiniteHook
from .stop_hook import StopHook
from .train_loop import ResumableTrainLoop

__all__ = [
    'BFloat16OptimWrapper',
    'CheckpointMatchHook',
    'CompileTestHook',
    'CoopEvaluationHook',
    'CoopLearningRateDecayOptimizerConstructor',
    'CoopTestLoop',
    'CoopValLoop',
    'CooperationHook',
    'DataFaultsHook',
    'NonFiniteError',
    'NonFiniteHook',
    'ResumableTrainLoop',
    'SafeCheckpointHook',
    'StopHook',
    'auto_amp',
]
