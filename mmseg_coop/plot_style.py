"""The style of figures, and how they are written to files and pages.

Figures are made by `Figure`, not by pyplot, which would keep them all in memory.
"""

import io
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from .checkpoints.atomic_backend import AtomicBackend

# A colour used for nothing else: as_svg replaces it by the text colour of the page.
_INK = '#010203'
STYLE = {
    'axes.edgecolor': _INK,
    'axes.labelcolor': _INK,
    'axes.spines.right': False,
    'axes.spines.top': False,
    'axes.titlesize': 11,
    'font.size': 9,
    'legend.frameon': False,
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmseg_coop',
    'text.color': _INK,
    'xtick.color': _INK,
    'ytick.color': _INK,
}


def save(figure: Figure, path: Path) -> None:
    """Write a figure for a paper; the file's suffix gives the format.

    The file is complete or not there; its folder is made as needed.
    """
    data = io.BytesIO()
    with rc_context(STYLE):
        figure.savefig(data, format=path.suffix[1:], dpi=200, facecolor='white')
    AtomicBackend().put(data.getvalue(), path)


def as_svg(figure: Figure) -> str:
    """Write a figure as SVG for an HTML page, in the page's own text colour."""
    text = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(text, format='svg', transparent=True, metadata={'Date': None})
    svg = text.getvalue()
    return svg[svg.index('<svg') :].replace(_INK, 'currentColor')
