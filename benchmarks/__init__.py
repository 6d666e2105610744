"""Speed and memory, side by side with MMSegmentation's own code."""

from .figure import Figure, Line, Options, Panel, Row
from .plots import write_plots
from .records import Record, measure, read_records, write_records
from .render import print_records, write_markdown
from .rows import ROWS

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
