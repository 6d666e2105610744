"""Speed and memory, side by side with MMSegmentation's own code."""

from .plots import write_plots
from .records import Record, measure, read_records, write_records
from .results import Figure, Line, Options, Panel, Row
from .rows import ROWS
from .tables import print_records, write_markdown

__all__ = [
    'ROWS',
    'Figure',
    'Line',
    'Options',
    'Panel',
    'Record',
    'Row',
    'measure',
    'print_records',
    'read_records',
    'write_markdown',
    'write_plots',
    'write_records',
]
