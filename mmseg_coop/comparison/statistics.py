"""Significance of differences: bootstrap over images, paired t-test over seeds."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.stats import ttest_1samp, ttest_rel

from ..evaluation.results import mean_iou

# Number of bootstrap samples.
RESAMPLES = 2000
_CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A confidence interval of 95 %, in the metric's unit (points of mIoU)."""

    low: float
    high: float


def bootstrap(
    runs: Sequence[np.ndarray], metric: Callable[[np.ndarray], np.ndarray] = mean_iou
) -> np.ndarray:
    """Bootstrap a metric over images, averaged over runs.

    The same images are drawn for every method, so that differences are paired.

    Args:
        runs: For each run, the counts of each image, (I, ...).
        metric: Computes the metric, (RESAMPLES,), from counts summed over images,
            (RESAMPLES, ...). Default: mIoU in percent, from areas (I, 3, C).

    Returns:
        The metric of each bootstrap sample, (RESAMPLES,).
    """
    images, *shape = runs[0].shape
    times = _draws(images)
    values = [
        metric((times @ run.reshape(images, -1)).reshape(RESAMPLES, *shape))
        for run in runs
    ]
    return np.mean(values, axis=0)


@lru_cache(maxsize=1)
def _draws(images: int) -> np.ndarray:
    """Draw how often each image is in each sample, (RESAMPLES, I), as fast floats."""
    generator = np.random.default_rng(0)
    draws = generator.multinomial(images, np.full(images, 1 / images), RESAMPLES)
    return draws.astype(float)


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Compute the t interval of a mean over seeds; None for one value."""
    if len(values) < 2:
        return None
    found = ttest_1samp(values, 0).confidence_interval(_CONFIDENCE)
    return Interval(float(found.low), float(found.high))


def interval(differences: np.ndarray) -> Interval:
    """Compute the interval that holds 95 % of bootstrapped differences."""
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(differences, (tail, 1 - tail))
    return Interval(float(low), float(high))


def paired_p_value(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Compute p of a two-sided paired t-test of the mIoU of the same seeds."""
    # None for one seed, or where all differences are equal.
    if len(first) < 2 or np.ptp(np.subtract(first, second)) < 1e-9:
        return None
    return float(ttest_rel(first, second).pvalue)
