from .conduct import Conductor
from .document import check_marks
from .grid import Entry, Grid, read_grid
from .outcome import report
from .trial import Trial, make_trials

__all__ = [
    'Conductor',
    'Entry',
    'Grid',
    'Trial',
    'check_marks',
    'make_trials',
    'read_grid',
    'report',
]
