"""Paired tests over seeds. The unit of replication is the seed, with its own pretraining."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy import stats

FEWEST = 3  # pairs of the t-test: with two, one degree of freedom is left and chance agreement decides
IDENTICAL = "identical results"

Interval = tuple[float, float]
NONE: Interval = (math.nan, math.nan)


@dataclass(frozen=True)
class Paired:
    """A comparison of two methods over the seeds that both have.

    Attributes:
        pairs: Number of seeds where both values are finite.
        difference: Mean of first minus second; NaN without a pair.
        interval: Of the mean difference (Student's t); NaN with fewer than two pairs.
        p_value: Two-sided, or None where there is no test.
        note: Why there is no p-value; empty where there is one.
    """

    pairs: int
    difference: float
    interval: Interval
    p_value: float | None
    note: str = ""


def paired_t(first: np.ndarray, second: np.ndarray, alpha: float = 0.05) -> Paired:
    """Two-sided paired t-test over seeds (Student 1908).

    Args:
        first: (seeds,) values of one method.
        second: (seeds,) values of the other method, for the same seeds in the same order.
        alpha: 1 - alpha is the interval's level.

    Raises:
        ValueError: The two have different shapes.
    """
    differences = differences_of(first, second)
    pairs, mean = _summary(differences)
    interval = mean_interval(differences, alpha)
    if pairs < FEWEST:
        return Paired(pairs, mean, interval, None, f"{pairs} seeds; the paired t-test needs {FEWEST}")
    if is_constant(differences, first, second):
        same = IDENTICAL if mean == 0 else "the same difference in every seed, so no variance to test with"
        return Paired(pairs, mean, (mean, mean), None, same)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nearly equal differences
        return Paired(pairs, mean, interval, float(stats.ttest_1samp(differences, 0.0).pvalue))


def wilcoxon(first: np.ndarray, second: np.ndarray, alpha: float = 0.05) -> Paired:
    """Two-sided exact Wilcoxon signed-rank test over seeds (Wilcoxon 1945); zero differences do not count.

    Args:
        first: (seeds,) values of one method.
        second: (seeds,) values of the other method, for the same seeds in the same order.
        alpha: The level that the test must be able to reach; 1 - alpha is the level of the mean's t-interval.

    Raises:
        ValueError: The two have different shapes.
    """
    differences = differences_of(first, second)
    pairs, mean = _summary(differences)
    interval = mean_interval(differences, alpha)
    moved = differences[differences != 0]
    if pairs and not len(moved):
        return Paired(pairs, mean, interval, None, IDENTICAL)
    needed = wilcoxon_needs(alpha)
    if len(moved) < needed:
        zero = f", {pairs - len(moved)} of them without a difference" if len(moved) < pairs else ""
        return Paired(pairs, mean, interval, None, f"{pairs} seeds{zero}; the exact Wilcoxon test needs {needed}")
    # scipy enumerates all signs up to 50 seeds, or 13 where differences are tied
    return Paired(pairs, mean, interval, float(stats.wilcoxon(moved).pvalue))


def wilcoxon_needs(alpha: float = 0.05, comparisons: int = 1) -> int:
    """The fewest seeds with which an exact two-sided Wilcoxon test can fall below a level.

    Args:
        alpha: The level.
        comparisons: The size of the family that Holm's correction is over.
    """
    needed = 1
    while 2.0 ** (1 - needed) >= alpha / comparisons:
        needed += 1
    return needed


def mean_interval(values: np.ndarray, alpha: float = 0.05) -> Interval:
    """Student's t-interval of a mean, (low, high); NaN with fewer than two finite values."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        return NONE
    half = float(stats.t.ppf(1 - alpha / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return float(values.mean()) - half, float(values.mean()) + half


def differences_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(seeds,) of two methods -> first minus second, of the seeds where both are finite.

    Raises:
        ValueError: The two have different shapes.
    """
    if np.shape(first) != np.shape(second):
        raise ValueError(f"paired values should have one shape, not {np.shape(first)} and {np.shape(second)}")
    differences = np.asarray(first, float) - np.asarray(second, float)
    return differences[np.isfinite(differences)]


def _summary(differences: np.ndarray) -> tuple[int, float]:
    return len(differences), float(differences.mean()) if len(differences) else math.nan


def is_constant(differences: np.ndarray, first: np.ndarray, second: np.ndarray) -> bool:
    """Whether the differences are equal but for the rounding of the values that they come from."""
    scale = max(np.nanmax(np.abs(first)), np.nanmax(np.abs(second)))
    return bool(np.ptp(differences) <= 8 * np.finfo(float).eps * scale)
