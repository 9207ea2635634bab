"""Are two methods practically equal? Two one-sided tests over seeds, and the verdict on a comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from coldbench.significance.paired import FEWEST, Interval, differences_of, is_constant, mean_interval

MARGIN = 0.002  # AUC; differences between published cold-start methods start at about this size
EQUAL, BETTER, WORSE, UNDECIDED = "practically equal", "better", "worse", "not distinguishable"


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests of whether a mean difference lies within a margin.

    Attributes:
        pairs: Number of seeds where both values are finite.
        interval: Student's t-interval of the mean difference at level 1 - 2 alpha; NaN with fewer than two pairs.
        p_value: The larger of the two one-sided p-values; None with fewer than three pairs.
        equal: Whether the tests reject both 'the first is lower by the margin or more' and 'the first is higher by the
            margin or more', which is whether the interval lies within the margin.
    """

    pairs: int
    interval: Interval
    p_value: float | None
    equal: bool


def equivalence(first: np.ndarray, second: np.ndarray, margin: float = MARGIN, alpha: float = 0.05) -> Equivalence:
    """Two one-sided paired t-tests over seeds (Schuirmann 1987, DOI 10.1007/BF01068419).

    Both tests have level alpha, and both must reject, so a pair of methods that differ by the margin or more is called
    equal with probability alpha at most. That is for each comparison by itself; the claim that all of several pairs are
    equal needs no correction.

    Args:
        first: (seeds,) values of one method.
        second: (seeds,) values of the other method, for the same seeds in the same order.
        margin: The largest difference that does not matter, in the unit of the values.
        alpha: The level of each test.

    Raises:
        ValueError: The two have different shapes, or the margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"the margin should be positive, not {margin:g}")
    differences = differences_of(first, second)
    interval = mean_interval(differences, 2 * alpha)
    if len(differences) < FEWEST:
        return Equivalence(len(differences), interval, None, equal=False)
    if is_constant(differences, first, second):
        inside = abs(float(differences.mean())) < margin
        return Equivalence(len(differences), interval, 0.0 if inside else 1.0, inside)
    below = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    above = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    p_value = float(max(below, above))
    return Equivalence(len(differences), interval, p_value, p_value < alpha)


def verdict(
    first: np.ndarray,
    second: np.ndarray,
    p_value: float | None,
    margin: float = MARGIN,
    higher_is_better: bool = True,
    alpha: float = 0.05,
    candidates: int = 1,
) -> str:
    """What a comparison of two methods over seeds comes to.

    *Practically equal* goes before *better* and *worse*: a difference may be beyond chance and yet too small to matter.

    Args:
        first: (seeds,) values of the method that is judged.
        second: (seeds,) values of the method that it is compared with, for the same seeds in the same order.
        p_value: Of the paired t-test, after the correction for the number of comparisons; None or NaN without a test.
        margin: The largest difference that does not matter, in the unit of the values.
        higher_is_better: The metric's direction.
        alpha: The level of the tests.
        candidates: From how many methods the one to compare with was picked by looking at the results; 1 where it was
            named beforehand. Among many, one looks equal by chance, so the tests of equality have level
            alpha / candidates.

    Returns:
        ``EQUAL``, ``BETTER``, ``WORSE`` or ``UNDECIDED``; an empty string where there are too few seeds.
    """
    equal = equivalence(first, second, margin, alpha / candidates)
    if equal.p_value is None:
        return ""
    if equal.equal:
        return EQUAL
    if p_value is None or math.isnan(p_value):  # the same difference in every seed
        return ""
    if p_value >= alpha:
        return UNDECIDED
    difference = float(differences_of(first, second).mean())
    return BETTER if (difference > 0) == higher_is_better else WORSE
