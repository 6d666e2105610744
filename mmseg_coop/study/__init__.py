from .executor import TrialExecutor
from .grid import Entry, Grid, read_grid
from .report import compare_trials, report
from .markdown_summary import check_marks
from .trial import Trial, make_trials

__all__ = [
    'TrialExecutor',
    'Entry',
    'Grid',
    'Trial',
    'check_marks',
    'compare_trials',
    'make_trials',
    'read_grid',
    'report',
]
