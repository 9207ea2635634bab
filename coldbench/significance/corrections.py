"""Corrections of p-values for the number of comparisons. NaN stands for a comparison without a test."""

from __future__ import annotations

import numpy as np
from scipy import stats


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjustment (1979): the chance of any false rejection stays below the level.

    Args:
        p_values: (comparisons,) each in [0, 1], or NaN; NaNs are not part of the family.

    Returns:
        (comparisons,) adjusted p-values, NaN where there was none.
    """
    adjusted = np.array(p_values, float)
    tested = np.flatnonzero(_checked(adjusted))
    order = tested[np.argsort(adjusted[tested], kind="stable")]
    steps = (len(order) - np.arange(len(order))) * adjusted[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's adjustment (1995): the expected share of false rejections stays below the level.

    Args:
        p_values: (comparisons,) each in [0, 1], or NaN; NaNs are not part of the family.

    Returns:
        (comparisons,) adjusted p-values, NaN where there was none.
    """
    adjusted = np.array(p_values, float)
    tested = _checked(adjusted)
    if tested.any():
        adjusted[tested] = stats.false_discovery_control(adjusted[tested], method="bh")
    return adjusted


def _checked(p_values: np.ndarray) -> np.ndarray:
    tested = ~np.isnan(p_values)
    if ((p_values[tested] < 0) | (p_values[tested] > 1)).any():
        raise ValueError("p-values lie between 0 and 1")
    return tested
