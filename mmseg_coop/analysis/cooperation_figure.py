"""Figure of the strength of connectors and the similarity of feature maps."""

from matplotlib import rc_context
from matplotlib.figure import Figure

from ..plot_style import STYLE
from .cooperation import Cooperation


def draw_cooperation(found: Cooperation) -> Figure:
    """Draw strength and similarity as a bar for each site."""
    groups = {
        'strength of the connector': found.strength,
        'similarity (linear CKA)': found.similarity,
    }
    groups = {title: values for title, values in groups.items() if values}
    rows = [len(values) for values in groups.values()]
    with rc_context(STYLE):
        size = (6, 0.9 * len(groups) + 0.28 * sum(rows))
        figure = Figure(figsize=size, layout='constrained')
        axes = figure.subplots(len(groups), squeeze=False, height_ratios=rows)
        for axis, (title, values) in zip(axes[:, 0], groups.items(), strict=True):
            bars = axis.barh(list(values), list(values.values()), color='C0')
            axis.bar_label(bars, fmt='%.2f', padding=3)
            axis.set(title=title, xlim=(0, 1.1))
            axis.invert_yaxis()
    return figure
