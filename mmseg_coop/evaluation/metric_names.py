"""List the names of an evaluation's metrics before it runs."""

from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric
from mmseg.evaluation import IoUMetric

from ..models.mean_of_probabilities import MEAN
from .coop_iou_metric import CoopIoUMetric, means
from .results import ORACLE, RELIABILITY


def metric_names(
    metrics: Sequence[BaseMetric], networks: Sequence[str]
) -> list[str] | None:
    """List the names of an evaluation's metrics.

    Args:
        metrics: The metrics of an evaluator.
        networks: Names of a cooperative model's networks; none for another model.

    Returns:
        The names; None if one of the metrics is neither ``IoUMetric`` nor
        ``CoopIoUMetric``, whose names are not known before they have been computed.
    """
    if any(type(metric) not in (IoUMetric, CoopIoUMetric) for metric in metrics):
        return None
    names: list[str] = []
    for metric in metrics:
        if not metric.format_only:
            prefix = f'{metric.prefix}/' if metric.prefix else ''
            names += [f'{prefix}{name}' for name in _names(metric, networks)]
    return names


def _names(metric: IoUMetric, networks: Sequence[str]) -> list[str]:
    areas = [torch.ones(1)] * 4
    values = metric.total_area_to_metrics(
        *areas, metric.metrics, metric.nan_to_num, metric.beta
    )
    own = list(means(values))
    if not isinstance(metric, CoopIoUMetric):
        return own
    own += RELIABILITY
    if not networks:
        return own
    each = [f'{name}/{key}' for name in (*networks, MEAN) for key in own]
    return [*own, *each, f'{ORACLE}/mIoU', 'agreement']
