"""Ranks of methods across blocks: Friedman's test with Nemenyi's critical difference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

FEWEST_METHODS = 3
FEWEST_BLOCKS = 5  # with fewer, full agreement of a few rankings would carry a verdict on all data there is


@dataclass(frozen=True)
class Friedman:
    """Methods ranked in every block.

    Attributes:
        blocks: Number of blocks in which every method has a value.
        mean_ranks: (methods,) 1 is best; ties share the mean rank.
        statistic: Friedman's chi-squared, corrected for ties; NaN where there is no test.
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


def friedman(values: np.ndarray, higher_is_better: bool = True, alpha: float = 0.05, resamples: int = 9999) -> Friedman:
    """Friedman's test (1937) with Nemenyi's critical difference (1963), as in Demsar (2006).

    The p-value comes from permuting each block's ranks, all ways where they are few: with few blocks the chi-squared
    approximation is too cautious and Iman and Davenport's F too eager (0.19 in place of 0.05 with 3 methods and 3
    blocks). scipy has all that is needed; scikit-posthocs, which has Nemenyi's test ready, brings statsmodels, seaborn
    and matplotlib with it.

    Args:
        values: (blocks, methods); blocks with a NaN do not count. Blocks have to be independent: datasets are,
            backbones on the same test rows are not.
        higher_is_better: Whether rank 1 is the largest value.
        alpha: The level of the critical difference.
        resamples: Permutations drawn where there are more than that.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values).all(axis=1)]
    blocks, methods = values.shape
    ranks = stats.rankdata(-values if higher_is_better else values, axis=1) if blocks else values
    means = ranks.mean(axis=0) if blocks else np.full(methods, math.nan)
    nothing = np.full((methods, methods), math.nan)
    note, needed = "", friedman_needs(methods, alpha)
    if methods < FEWEST_METHODS:
        note = f"{methods} method{'s' * (methods != 1)}; Friedman's test needs {FEWEST_METHODS}"
    elif blocks < needed:
        count = f"{blocks} complete block{'s' * (blocks != 1)}"
        note = f"{count}; Friedman's test of {methods} methods needs {needed}"
    elif not np.ptp(ranks):
        note = "all methods are tied in every block"
    if note:
        return Friedman(blocks, means, math.nan, None, math.nan, nothing, note)
    error = math.sqrt(methods * (methods + 1) / (12 * blocks))
    critical = float(stats.studentized_range.ppf(1 - alpha, methods, math.inf)) * error
    gaps = np.abs(means[:, None] - means)
    pairwise = np.asarray(stats.studentized_range.sf(gaps / error, methods, math.inf))
    statistic = float(stats.friedmanchisquare(*values.T).statistic)
    return Friedman(blocks, means, statistic, _permuted(ranks, resamples), critical, pairwise)


def _permuted(ranks: np.ndarray, resamples: int) -> float:
    """Share of shuffles within blocks whose mean ranks spread at least as much as those of (blocks, methods) ranks."""

    def spread(*columns: np.ndarray, axis: int) -> np.ndarray:
        return np.square(np.stack([column.mean(axis=axis) for column in columns])).sum(axis=0)

    test = stats.permutation_test(
        tuple(ranks.T),
        spread,
        permutation_type="samples",
        vectorized=True,
        alternative="greater",
        n_resamples=resamples,
        rng=0,
    )
    return float(test.pvalue)


def friedman_needs(methods: int, alpha: float = 0.05) -> int:
    """The fewest blocks for a test: five, or more where even their full agreement is as likely as alpha by chance."""
    blocks = FEWEST_BLOCKS
    while methods > 1 and math.factorial(methods) ** (1 - blocks) >= alpha:
        blocks += 1
    return blocks
