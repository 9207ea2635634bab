"""Proposes a split: an (N, K) for which about 80 % of a log's split items are new, as in most of the paper's splits."""

from __future__ import annotations

import numpy as np

NEW = 0.8  # the share of new items among those that are old or new
_SHOTS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_FEWEST = 500  # the fewest new items that a larger K may leave
_TEST = 0.9  # the fewest test rows per warm-up row that a larger K may leave


def proposal(counts: np.ndarray, k: int = 0) -> tuple[int, int] | None:
    """Chooses N and K for a log.

    K is the largest value that leaves 500 new items and 0.9 test rows per warm-up row; failing that, the largest
    that leaves the test rows; else 1. N is such that 80 % of the items with at least 3 K interactions have at most N.

    Args:
        counts: (items,) number of interactions of each item.
        k: K if it is given already, else 0.

    Returns:
        N and K, or None if no N leaves both old items and new items with test rows.
    """
    fits = [(n, shots) for shots in ((k,) if k else _SHOTS) if (n := _boundary(counts, shots))]
    tested = [fit for fit in fits if _sizes(counts, *fit)[1] >= _TEST * 3 * fit[1] * _sizes(counts, *fit)[0]]
    many = [fit for fit in tested if _sizes(counts, *fit)[0] >= _FEWEST]
    return many[-1] if many else tested[-1] if tested else fits[0] if fits else None


def _boundary(counts: np.ndarray, k: int) -> int:
    """The least N for which 80 % of the split items are new, else the largest that leaves an old item, else 0."""
    split, items = np.unique(counts[counts >= 3 * k], return_counts=True)
    share = np.cumsum(items) / max(items.sum(), 1)
    found = [(int(n), part >= NEW) for n, part in zip(split[:-1], share[:-1], strict=True) if n > 3 * k]
    enough = [n for n, reached in found if reached]
    return enough[0] if enough else found[-1][0] if found else 0


def _sizes(counts: np.ndarray, n: int, k: int) -> tuple[int, int]:
    """The number of new items, and of their interactions after the warm-up phases."""
    new = counts[(counts >= 3 * k) & (counts <= n)]
    return len(new), int(new.sum()) - 3 * k * len(new)
