"""Significance of differences: bootstrap over images, t-tests over seeds."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import ttest_1samp, ttest_ind, ttest_rel

from ..evaluation.results import mean_iou

# Number of bootstrap samples.
RESAMPLES = 2000
# Two differences may be close to each other by chance.
_FEWEST_SEEDS = 3
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
    """Draw how often each image is in each sample, (RESAMPLES, I), as fast floats.

    Drawn are blocks of the square root of I neighbours: images of a dataset are often
    frames of a video, of which each one says little that the one before does not
    (circular block bootstrap; Politis and Romano, 1992).
    """
    generator = np.random.default_rng(0)
    length = round(images**0.5)
    blocks = -(-images // length)
    starts = generator.integers(images, size=(RESAMPLES, blocks, 1))
    drawn = (starts + np.arange(length)) % images
    drawn = drawn.reshape(RESAMPLES, -1)[:, :images]
    cells = drawn + images * np.arange(RESAMPLES)[:, None]
    counts = np.bincount(cells.ravel(), minlength=RESAMPLES * images)
    return counts.reshape(RESAMPLES, images).astype(float)


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


def p_value(first: Mapping[Any, float], second: Mapping[Any, float]) -> float | None:
    """Compute p of a two-sided t-test of the mIoU of two methods, by seed.

    Paired by the seeds that both have; Welch's test if they share none.

    Returns:
        None for less than three seeds, or without any spread.
    """
    shared = [seed for seed in first if seed in second]
    one, other = list(first.values()), list(second.values())
    if shared:
        one, other = [first[s] for s in shared], [second[s] for s in shared]
    spread = np.ptp(np.subtract(one, other)) if shared else np.ptp([*one, *other])
    if min(len(one), len(other)) < _FEWEST_SEEDS or spread < 1e-9:
        return None
    if shared:
        return float(ttest_rel(one, other).pvalue)
    return float(ttest_ind(one, other, equal_var=False).pvalue)
