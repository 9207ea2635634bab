"""Ranks of methods across blocks: Friedman's test with Nemenyi's critical difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Friedman:
    """Methods ranked in every block.

    Attributes:
        blocks: How many, each complete.
        mean_ranks: (methods,) 1 is best; ties share the mean rank.
        statistic: Iman and Davenport's F; infinite where all blocks agree, NaN where there is no test.
        p_value: Of equal mean ranks, or None where there is no test.
        critical_difference: Two mean ranks that differ by more are told apart by Nemenyi's test; NaN without a test.
        pairwise: (methods, methods) Nemenyi's p-values, already adjusted for the number of pairs; NaN without a test.
        note: Why there is no test; empty where there is one.
    """

    blocks: int
    mean_ranks: np.ndarray
    statistic: float
    p_value: float | None
    critical_difference: float
    pairwise: np.ndarray
    note: str = ""


def friedman(values: np.ndarray, higher_is_better: bool = True, alpha: float = 0.05) -> Friedman:
    """Friedman's test in Iman and Davenport's form (1980), and Nemenyi's (1963), as in Demsar (2006).

    The chi-squared form is too cautious with few blocks. scipy has the studentised range; scikit-posthocs, which has
    Nemenyi's test ready, would bring statsmodels, seaborn and matplotlib for these lines.

    Args:
        values: (blocks, methods), a block being a dataset with a backbone; blocks with a NaN do not count.
        higher_is_better: Whether rank 1 is the largest value.
        alpha: The level of the critical difference.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values).all(axis=1)]
    blocks, methods = values.shape
    ranks = stats.rankdata(-values if higher_is_better else values, axis=1) if blocks else values
    means = ranks.mean(axis=0) if blocks else np.full(methods, math.nan)
    nothing = np.full((methods, methods), math.nan)
    needed = friedman_needs(methods, alpha)
    if methods < 3:
        return Friedman(blocks, means, math.nan, None, math.nan, nothing, "Friedman's test needs 3 methods")
    if blocks < needed:
        note = f"{blocks} complete blocks; Friedman's test of {methods} methods needs {needed}"
        return Friedman(blocks, means, math.nan, None, math.nan, nothing, note)
    between = blocks * float(((means - (methods + 1) / 2) ** 2).sum())
    total = float(((ranks - (methods + 1) / 2) ** 2).sum())
    if total == 0:
        return Friedman(blocks, means, math.nan, None, math.nan, nothing, "all methods are tied in every block")
    within = total - between
    freedom = methods - 1, (methods - 1) * (blocks - 1)
    statistic = math.inf if within <= 1e-12 * total else (between / freedom[0]) / (within / freedom[1])
    error = math.sqrt(methods * (methods + 1) / (12 * blocks))
    critical = float(stats.studentized_range.ppf(1 - alpha, methods, math.inf)) * error
    gaps = np.abs(means[:, None] - means)
    pairwise = np.asarray(stats.studentized_range.sf(gaps / error, methods, math.inf))
    return Friedman(blocks, means, statistic, float(stats.f.sf(statistic, *freedom)), critical, pairwise)


def friedman_needs(methods: int, alpha: float = 0.05) -> int:
    """The fewest blocks whose full agreement is less likely than alpha by chance."""
    blocks = 2
    while methods > 1 and math.factorial(methods) ** (1 - blocks) >= alpha:
        blocks += 1
    return blocks
