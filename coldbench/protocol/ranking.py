"""Metrics of top-N lists: pure functions of NumPy arrays."""

from __future__ import annotations

import numpy as np


def top(scores: np.ndarray, k: int) -> np.ndarray:
    """The numbers of the ``k`` highest of (items,) scores, best first; ties go to the lower number.

    Items with a score of -inf are never in the list, which is then shorter.
    """
    candidates = np.flatnonzero(scores > -np.inf)
    if len(candidates) > k:
        least = np.partition(scores[candidates], -k)[-k]
        candidates = candidates[scores[candidates] >= least]
    return candidates[np.argsort(-scores[candidates], kind="stable")][:k]


def recall(listed: np.ndarray, relevant: np.ndarray) -> float:
    """The share of the relevant items that the list holds; NaN if there are none."""
    return float(np.isin(relevant, listed).mean()) if len(relevant) else float("nan")


def ndcg(listed: np.ndarray, relevant: np.ndarray, k: int) -> float:
    """Normalised discounted cumulative gain with binary relevance (Järvelin and Kekäläinen 2002).

    Args:
        listed: (at most k,) items, best first.
        relevant: The relevant items, each once.
        k: The length of a full list; the ideal list holds as many relevant items as fit into it.

    Returns:
        A value in [0, 1]; NaN if no item is relevant.
    """
    if not len(relevant):
        return float("nan")
    discounts = 1 / np.log2(np.arange(2, k + 2))
    return float(discounts[: len(listed)][np.isin(listed, relevant)].sum() / discounts[: len(relevant)].sum())


def gini(counts: np.ndarray) -> float:
    """The Gini coefficient of (items,) counts: 0 if all are equal, near 1 if one item has all; NaN if all are 0."""
    total, items = counts.sum(), len(counts)
    if not total:
        return float("nan")
    ranks = np.arange(1, items + 1)
    return float(((2 * ranks - items - 1) * np.sort(counts)).sum() / (items * total))
