from .conduct import Conductor
from .grid import Entry, Grid, read_grid
from .outcome import report
from .trial import Trial, make_trials

__all__ = [
    'Conductor',
    'Entry',
    'Grid',
    'Trial',
    'make_trials',
    'read_grid',
    'report',
]
