from .conduct import Conductor
from .grid import Entry, Grid, read_grid
from .report import compare_trials, report
from .summary import check_marks
from .trial import Trial, make_trials

__all__ = [
    'Conductor',
    'Entry',
    'Grid',
    'Trial',
    'check_marks',
    'compare_trials',
    'make_trials',
    'read_grid',
    'report',
]
