"""Significance of differences: bootstrap over images, paired t-test over seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import sem, t, ttest_rel

from ..evaluation.results import iou

# How often images are drawn, with replacement.
RESAMPLES = 2000
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A confidence interval of 95 %, in the metric's unit (points of mIoU)."""

    low: float
    high: float

    @property
    def without_zero(self) -> bool:
        """True if the interval excludes zero."""
        return self.low > 0 or self.high < 0


def bootstrap(
    runs: Sequence[np.ndarray],
    metric: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Bootstrap a metric over images, averaged over runs.

    The same images are drawn for every method, so that differences are paired.

    Args:
        runs: For each run, sums of each image, (I, ...).
        metric: Gives the metric, (RESAMPLES,), of sums over images, (RESAMPLES, ...).

    Returns:
        The metric, (RESAMPLES,).
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
    """How often each image is drawn, (RESAMPLES, I); floats are multiplied faster."""
    generator = np.random.default_rng(0)
    draws = generator.multinomial(images, np.full(images, 1 / images), RESAMPLES)
    return draws.astype(float)


def bootstrap_miou(runs: Sequence[np.ndarray]) -> np.ndarray:
    """Mean IoU in percent of resampled images, from areas (I, 3, C) of each run."""
    return bootstrap(runs, mean_iou)


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Confidence interval of a mean over seeds, by Student's t; None for one value."""
    if len(values) < 2:
        return None
    reach = t.ppf((1 + _CONFIDENCE) / 2, len(values) - 1) * sem(values)
    return Interval(float(np.mean(values) - reach), float(np.mean(values) + reach))


def interval(differences: np.ndarray) -> Interval:
    """The interval that holds 95 % of resampled differences."""
    tail = (1 - _CONFIDENCE) / 2
    low, high = np.quantile(differences, (tail, 1 - tail))
    return Interval(float(low), float(high))


def paired_p_value(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Two-sided paired t-test over seeds.

    None with less than two, or if all differ by the same: a test needs a spread.

    Args:
        first: mIoU by seed.
        second: mIoU by the same seeds.
    """
    if len(first) < 2 or np.ptp(np.subtract(first, second)) < 1e-9:
        return None
    return float(ttest_rel(first, second).pvalue)


def mean_iou(areas: np.ndarray) -> np.ndarray:
    """Mean in percent over the classes that occur, (...), from (..., 3, C)."""
    values = iou(areas)
    occurs = ~np.isnan(values)
    return np.where(occurs, values, 0).sum(-1) / np.maximum(occurs.sum(-1), 1)
