"""How many seeds are enough? Power of the paired t-test and of the two one-sided tests, before anything is run."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from coldbench.significance.paired import FEWEST

MOST = 10_000  # seeds; a plan beyond that is no plan
_QUANTILES = (np.arange(2000) + 0.5) / 2000


def power_to_detect(effect: float, deviation: float, seeds: int, alpha: float = 0.05) -> float:
    """Probability that a two-sided paired t-test finds a difference.

    This is the tail of the noncentral t distribution, as the mean of normal tails over the chi-squared distribution of
    the sample's variance; scipy's ``nct`` gives NaN where the effect is many deviations.

    Args:
        effect: The true mean difference.
        deviation: Standard deviation over seeds of the paired difference.
        seeds: Number of seeds.
        alpha: The level.
    """
    degrees, shift = seeds - 1, abs(effect) / deviation * math.sqrt(seeds)
    critical = stats.t.ppf(1 - alpha / 2, degrees) * _relative_errors(degrees)
    return float((stats.norm.sf(critical - shift) + stats.norm.cdf(-critical - shift)).mean())


def power_to_equate(margin: float, deviation: float, seeds: int, alpha: float = 0.05) -> float:
    """Probability that two one-sided tests call two methods practically equal whose true difference is zero.

    Given the sample's standard deviation, the mean has to fall into what the interval's half width leaves of the
    margin; that probability is averaged over the chi-squared distribution of the sample's variance.

    Args:
        margin: The largest difference that does not matter.
        deviation: Standard deviation over seeds of the paired difference.
        seeds: Number of seeds.
        alpha: The level of each test.
    """
    degrees, error = seeds - 1, deviation / math.sqrt(seeds)
    half = stats.t.ppf(1 - alpha, degrees) * error * _relative_errors(degrees)
    room = np.maximum(margin - half, 0.0)
    return float((2 * stats.norm.cdf(room / error) - 1).mean())


def seeds_to_detect(
    effect: float, deviation: float, comparisons: int = 1, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """The fewest seeds with which a paired t-test finds a difference under Holm's correction.

    Holm's first step compares with alpha / comparisons, and a difference that falls below that is found whatever the
    other comparisons are; so the number holds for a single method that differs, and is too large where several do.

    Args:
        effect: The true mean difference; not zero.
        deviation: Standard deviation over seeds of the paired difference; positive.
        comparisons: The size of the family that Holm's correction is over.
        alpha: The level.
        power: The probability of finding it.

    Returns:
        The number, at least 3; None where it is above ``MOST``.
    """
    return _fewest(lambda seeds: power_to_detect(effect, deviation, seeds, alpha / comparisons) >= power)


def seeds_to_equate(margin: float, deviation: float, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """The fewest seeds with which two methods without a difference are likely to be called practically equal.

    Args:
        margin: The largest difference that does not matter; positive.
        deviation: Standard deviation over seeds of the paired difference; positive.
        alpha: The level of each of the two one-sided tests.
        power: The probability of the verdict.

    Returns:
        The number, at least 3; None where it is above ``MOST``.
    """
    return _fewest(lambda seeds: power_to_equate(margin, deviation, seeds, alpha) >= power)


def _relative_errors(degrees: int) -> np.ndarray:
    """Sample standard deviations over the true one, at evenly spaced quantiles of their distribution."""
    return np.sqrt(stats.chi2.ppf(_QUANTILES, degrees) / degrees)


def _fewest(enough: Callable[[int], bool]) -> int | None:
    """The smallest number of seeds that is enough, by bisection: power grows with the number of seeds."""
    if enough(FEWEST):
        return FEWEST
    if not enough(MOST):
        return None
    low, high = FEWEST, MOST
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
