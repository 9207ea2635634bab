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
        interval: Difference plus and minus a multiple of the standard error, from Student's t for each part; NaN with
            fewer than three seeds, two items or two replicates.
        seed_part: The part of the variance that training again with other seeds would change.
        item_part: The part that other test items would change, whatever the seeds.
    """

    difference: float
    standard_error: float
    interval: Interval
    seed_part: float
    item_part: float


def crossed(differences: np.ndarray, replicates: np.ndarray, items: int, alpha: float = 0.05) -> Crossed:
    """Interval from the variance components of a design of seeds crossed with items.

    The variance over seeds, divided by their number, holds the seeds' own part and that of seeds with items. What is
    left is common to all seeds: the mean covariance, over bootstrap replicates of the items, of one seed's difference
    with another's. Each part has a half width, from Student's t with seeds - 1 and with items - 1 degrees of freedom,
    and the interval's is the root of the sum of their squares (Zou and Donner 2008, DOI 10.1002/sim.3095).
    Satterthwaite's degrees of freedom for the sum are too many where three seeds' variance happens to be small.

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
        return Crossed(difference, math.nan, NONE, math.nan, math.nan)
    covariance = np.cov(drawn, rowvar=False)
    between = (covariance.sum() - np.trace(covariance)) / (seeds * (seeds - 1))
    parts = np.array([differences.var(ddof=1) / seeds, max(between, 0.0)])
    factors = stats.t.ppf(1 - alpha / 2, [seeds - 1, items - 1])
    half = math.sqrt((factors**2 * parts).sum())
    return Crossed(difference, math.sqrt(parts.sum()), (difference - half, difference + half), *map(float, parts))
