"""Figure of mIoU over cost."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...cost.cost import Cost
from ...plot_style import STYLE
from ..comparison import Comparison, Method

_GREY = '0.7'
_AXES: dict[str, Callable[[Cost], float]] = {
    'GFLOPs of a prediction': lambda cost: cost.prediction_flops / 1e9,
    'ms of a prediction': lambda cost: 1000 * cost.latency,
}


def draw_costs(comparison: Comparison) -> Figure | None:
    """Draw mIoU over FLOPs and over latency, if measured; dominated methods are grey.

    Bars are 95 % confidence intervals over seeds.
    """
    if not comparison.costs:
        return None
    # One line of text for each method.
    height = max(3.6, 0.18 * len(comparison.methods))
    with rc_context(STYLE):
        figure = Figure(figsize=(9, height), layout='constrained')
        axes = figure.subplots(1, len(_AXES), sharey=True)
        for axis, (label, cost_of) in zip(axes, _AXES.items(), strict=True):
            costs = [cost_of(comparison.costs[m.label]) for m in comparison.methods]
            _draw(axis, comparison.methods, costs)
            axis.set(xlabel=label)
            axis.set_xlim(left=0)
        axes[0].set_ylabel('mIoU in %')
    return figure


def _draw(axis: Axes, methods: Sequence[Method], costs: list[float]) -> None:
    networks = list(dict.fromkeys(method.network for method in methods))
    scores = [method.miou for method in methods]
    worse = dominated(costs, scores)
    for method, cost, grey in zip(methods, costs, worse, strict=True):
        place = networks.index(method.network)
        color = _GREY if grey else f'C{place}'
        band = method.interval
        axis.errorbar(
            cost,
            method.miou,
            band and [[method.miou - band.low], [band.high - method.miou]],
            color=color,
            marker='os^Dv'[place % 5],
            # Markers of untrained methods are hollow.
            markerfacecolor=color if method.trained else 'none',
            capsize=2,
            lw=1,
            zorder=1 if grey else 2,
        )
    axis.margins(0.1)
    # Labels are in a column at the right, the best method at the top.
    low, high = axis.get_ylim()
    heights = _spread(scores, (high - low) / max(len(scores), 20))
    for method, cost, grey, y in zip(methods, costs, worse, heights, strict=True):
        axis.annotate(
            method.label,
            (cost, method.miou),
            xytext=(1.03, y),
            textcoords=('axes fraction', 'data'),
            va='center',
            fontsize=7,
            color=_GREY if grey else rcParams['text.color'],
            arrowprops=dict(
                arrowstyle='-', color=_GREY, lw=0.3, relpos=(0, 0.5), shrinkB=0
            ),
        )


def _spread(values: list[float], gap: float) -> np.ndarray:
    """Space values by at least a gap; their order and mean stay."""
    values = np.array(values)
    order = np.argsort(values, kind='stable')
    steps = gap * np.arange(len(values))
    places = np.maximum.accumulate(values[order] - steps) + steps
    spread = np.empty_like(values)
    spread[order] = places - (places - values[order]).mean()
    return spread


def dominated(costs: Sequence[float], values: Sequence[float]) -> list[bool]:
    """Tell for each method if another one is as good or better at no higher cost."""
    points = list(zip(costs, values, strict=True))
    return [
        any(
            other != point and other[0] <= point[0] and other[1] >= point[1]
            for other in points
        )
        for point in points
    ]
