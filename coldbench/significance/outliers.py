"""Collapsed seeds: runs so much worse than the others of their method that a mean and an interval hide them."""

from __future__ import annotations

import numpy as np

COLLAPSED = (
    20.0  # MADs, some 13 standard deviations; in 1 column of 50 at most an ordinary seed exceeds it (calibration)
)


def collapse(values: np.ndarray, higher_is_better: bool = True) -> np.ndarray:
    """How far each run lies on the worse side of its method's median, in median absolute deviations.

    A handful of seeds may agree by chance, which makes their own deviation tiny and any other seed look far away. So
    the unit is the larger one of the method's own median absolute deviation and the median of those of all methods.

    Args:
        values: (seeds, methods) of one column of a table; NaN where a run is missing.
        higher_is_better: The metric's direction.

    Returns:
        (seeds, methods), above ``COLLAPSED`` for a collapsed run; NaN where a run is missing or its method has fewer
        than three, zero where nothing in the column varies.
    """
    values = np.asarray(values, float)
    enough = np.isfinite(values).sum(axis=0) >= 3
    distance = np.full(values.shape, np.nan)
    if not enough.any():
        return distance
    kept = np.where(np.isfinite(values[:, enough]), values[:, enough], np.nan)
    worse = np.nanmedian(kept, axis=0) - kept
    own = np.nanmedian(np.abs(worse), axis=0)
    unit = np.maximum(own, np.median(own))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(unit > 0, (worse if higher_is_better else -worse) / unit, 0.0)
    distance[:, enough] = np.where(np.isfinite(kept), found, np.nan)
    return distance
