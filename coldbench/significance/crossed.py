"""An interval for other seeds and other items at once: seeds and test items are crossed random effects."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from coldbench.significance.paired import FEWEST, NONE, Interval


@dataclass(frozen=True)
class Crossed:
    """The mean difference of two methods with its interval over seeds and items.

    Attributes:
        difference: Mean over seeds, on all test rows.
        standard_error: Square root of the sum of both parts; NaN where there is no interval.
        interval: Difference plus and minus a multiple of the standard error, from Student's t; NaN with fewer than
            three seeds, two items or two replicates.
        degrees: Degrees of freedom of that t, by Satterthwaite's approximation.
        seed_part: The part of the variance that training again with other seeds would change.
        item_part: The part that other test items would change, whatever the seeds.
    """

    difference: float
    standard_error: float
    interval: Interval
    degrees: float
    seed_part: float
    item_part: float


def crossed(differences: np.ndarray, replicates: np.ndarray, items: int, alpha: float = 0.05) -> Crossed:
    """Student's t-interval from the variance components of a design of seeds crossed with items.

    The variance over seeds, divided by their number, holds the seeds' own part and that of seeds with items. What is
    left is common to all seeds: the mean covariance, over bootstrap replicates of the items, of one seed's difference
    with another's. The degrees of freedom of the sum are Satterthwaite's (1946, DOI 10.2307/3002019), from
    seeds - 1 and items - 1.

    Args:
        differences: (seeds,) AUC of one method minus that of the other, on all test rows.
        replicates: (replicates, seeds) of the same differences, on resampled items, the same items for all seeds.
        items: Number of test items.
        alpha: 1 - alpha is the interval's level.

    Raises:
        ValueError: The number of seeds is not the same in both arrays.
    """
    if replicates.ndim != 2 or replicates.shape[1:] != differences.shape:
        raise ValueError(f"{differences.shape} differences should have replicates of as many seeds: {replicates.shape}")
    seeds = len(differences)
    difference = float(differences.mean()) if seeds else math.nan
    drawn = replicates[np.isfinite(replicates).all(axis=1)]
    if seeds < FEWEST or min(items, len(drawn)) < 2 or not np.isfinite(difference):
        return Crossed(difference, math.nan, NONE, math.nan, math.nan, math.nan)
    covariance = np.cov(drawn, rowvar=False)
    between = (covariance.sum() - np.trace(covariance)) / (seeds * (seeds - 1))
    parts = np.array([differences.var(ddof=1) / seeds, max(between, 0.0)])
    error = math.sqrt(parts.sum())
    if not error:
        return Crossed(difference, 0.0, (difference, difference), math.nan, 0.0, 0.0)
    degrees = float(parts.sum() ** 2 / (parts**2 / np.array([seeds - 1, items - 1])).sum())
    half = float(stats.t.ppf(1 - alpha / 2, degrees)) * error
    return Crossed(difference, error, (difference - half, difference + half), degrees, *map(float, parts))
