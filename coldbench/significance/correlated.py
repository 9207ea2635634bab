"""DeLong's test of two AUCs on the same rows, which are taken as independent; the two models are taken as given."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from coldbench.significance.paired import NONE, Interval


@dataclass(frozen=True)
class DeLong:
    """The comparison of two correlated AUCs.

    Attributes:
        auc_a: AUC of the first model; NaN where only one class is present.
        auc_b: AUC of the second model.
        difference: auc_a - auc_b.
        standard_error: Standard error of the difference; NaN with fewer than two rows of a class.
        p_value: Two-sided, or None where the standard error is zero or missing and the difference is not zero.
        interval: Normal interval of the difference.
    """

    auc_a: float
    auc_b: float
    difference: float
    standard_error: float
    p_value: float | None
    interval: Interval


def delong(labels: np.ndarray, scores_a: np.ndarray, scores_b: np.ndarray, alpha: float = 0.05) -> DeLong:
    """DeLong, DeLong and Clarke-Pearson (1988, DOI 10.2307/2531595), in O(n log n).

    The variance is that of the placements of every row among the rows of the other class; sorting gives them all
    at once (Sun and Xu 2014, DOI 10.1109/LSP.2014.2337313). Ties count half.

    Args:
        labels: (rows,) 0 or 1.
        scores_a: (rows,) of one model, in any monotone scale.
        scores_b: (rows,) of the other model.
        alpha: 1 - alpha is the interval's level.

    Raises:
        ValueError: The three have different lengths, or a score is NaN.
    """
    positive = np.asarray(labels) > 0
    return compared(positive, placements(positive, scores_a), placements(positive, scores_b), alpha)


def compared(positive: np.ndarray, first: np.ndarray, second: np.ndarray, alpha: float = 0.05) -> DeLong:
    """DeLong's test from placements, which have to be sorted once per model when it is compared with several others.

    Args:
        positive: (rows,) bool, whether a row was clicked.
        first: (rows,) placements of one model's scores.
        second: (rows,) placements of the other model's scores.
        alpha: 1 - alpha is the interval's level.
    """
    clicked, other = int(positive.sum()), int((~positive).sum())
    if not clicked or not other:
        return DeLong(math.nan, math.nan, math.nan, math.nan, None, NONE)
    auc_a, auc_b = float(first[positive].mean()), float(second[positive].mean())
    change = first - second
    difference = float(change[positive].mean())
    if min(clicked, other) < 2:
        return DeLong(auc_a, auc_b, difference, math.nan, None, NONE)
    variance = change[positive].var(ddof=1) / clicked + change[~positive].var(ddof=1) / other
    error = math.sqrt(variance)
    if error == 0:
        return DeLong(auc_a, auc_b, difference, 0.0, None if difference else 1.0, (difference, difference))
    half = float(stats.norm.ppf(1 - alpha / 2)) * error
    p_value = float(2 * stats.norm.sf(abs(difference) / error))
    return DeLong(auc_a, auc_b, difference, error, p_value, (difference - half, difference + half))


def placements(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Each row's place among the rows of the other class; ties count half.

    Args:
        positive: (rows,) bool, whether a row was clicked.
        scores: (rows,) in any monotone scale.

    Returns:
        (rows,) of a clicked row the share of other rows below it, of another row the share of clicked rows above
        it. The mean over either class is the AUC.

    Raises:
        ValueError: The lengths differ, or a score is NaN.
    """
    scores = np.asarray(scores)
    if positive.shape != scores.shape or scores.ndim != 1:
        raise ValueError(f"labels and scores should have one length, not {positive.shape} and {scores.shape}")
    if np.isnan(scores).any():
        raise ValueError("a score is NaN; NaNs cannot be ranked")
    if not len(scores):
        return np.zeros(0)
    order = np.argsort(scores)
    ordered, clicked = scores[order], positive[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[starts, len(scores)])
    up = np.add.reduceat(clicked, starts, dtype=np.int64)
    down = sizes - up
    below = np.cumsum(down) - down / 2
    above = up.sum() - np.cumsum(up) + up / 2
    place = np.empty(len(scores))
    with np.errstate(invalid="ignore", divide="ignore"):  # one class: the other has no rows to be placed among
        place[order] = np.where(clicked, np.repeat(below / down.sum(), sizes), np.repeat(above / up.sum(), sizes))
    return place
