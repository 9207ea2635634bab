"""Paired tests of differences. The unit of replication is the seed, with its own pretraining."""

from __future__ import annotations

import warnings

import numpy as np
from scipy import stats


def paired_t(first: np.ndarray, second: np.ndarray) -> float | None:
    """Two-sided paired t-test over seeds.

    Args:
        first: (seeds,) one value a seed.
        second: (seeds,) the other method's, the same seeds in the same order.

    Returns:
        The p-value, or None where the test says nothing: fewer than two seeds, or no difference at all.

    Raises:
        ValueError: The two have different lengths.
    """
    if first.shape != second.shape:
        raise ValueError(f"paired values should have one shape, not {first.shape} and {second.shape}")
    difference = first - second
    if len(difference) < 2 or not np.isfinite(difference).all() or np.ptp(difference) == 0:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nearly equal differences
        return float(stats.ttest_rel(first, second).pvalue)
