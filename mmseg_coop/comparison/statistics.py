"""Significance of differences: bootstrap over images, t-tests over seeds."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.stats import ttest_1samp, ttest_ind, ttest_rel

from ..evaluation.results import mean_iou

# Number of bootstrap samples.
RESAMPLES = 2000
# Two values may be close to each other by chance.
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


def p_value(one: Sequence[float], other: Sequence[float], paired: bool) -> float | None:
    """Compute p of a two-sided t-test of the mIoU of two methods, by seed.

    Args:
        one: mIoU of one method's runs.
        other: That of the other method's.
        paired: True if runs belong together, by their seed or as ensembles and the
            mean of their networks; otherwise it is Welch's test.

    Returns:
        None for less than three seeds, or without any spread.
    """
    if min(len(one), len(other)) < _FEWEST_SEEDS:
        return None
    samples = [np.subtract(one, other)] if paired else [one, other]
    if max(map(np.ptp, samples)) < 1e-9:
        return None
    test = ttest_rel(one, other) if paired else ttest_ind(one, other, equal_var=False)
    return float(test.pvalue)
