from .executor import TrialExecutor
from .grid import Entry, Grid, read_grid
from .report import compare_trials, report
from .trial import Trial, make_trials

__all__ = [
    'Entry',
    'Grid',
    'Trial',
    'TrialExecutor',
    'compare_trials',
    'make_trials',
    'read_grid',
    'report',
]
