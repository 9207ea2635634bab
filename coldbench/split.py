"""``Dataset`` -> ``WarmUpSplit``: base, warm-a, warm-b, warm-c, test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coldbench.data.dataset import Dataset
from coldbench.errors import InputError

WARM_PHASES = ("warm-a", "warm-b", "warm-c")


@dataclass(frozen=True)
class WarmUpSplit:
    """Row numbers of each part of a log, in time order per item (AVAEW, section 3.1).

    Attributes:
        base: Every interaction of the old items, in row order.
        warm: Per phase, the next ``k`` interactions of each new item.
        test: What the new items have left.
        old_items: Items with more than ``n`` interactions.
        new_items: Items with at least 3 ``k`` and at most ``n`` interactions: the cold items.
        discarded_items: Items with fewer than 3 ``k``.
    """

    base: np.ndarray
    warm: dict[str, np.ndarray]
    test: np.ndarray
    old_items: np.ndarray
    new_items: np.ndarray
    discarded_items: np.ndarray

    def sizes(self) -> dict[str, int]:
        """Rows per part and items per group."""
        return {
            "base": len(self.base),
            **{name: len(rows) for name, rows in self.warm.items()},
            "test": len(self.test),
            "items_old": len(self.old_items),
            "items_new": len(self.new_items),
            "items_discarded": len(self.discarded_items),
        }


def warm_up_split(dataset: Dataset) -> WarmUpSplit:
    """Splits by the dataset's (N, K).

    Interactions of a new item are ordered by time; ties keep the row order of the log.

    Raises:
        InputError: No item is old, or none is new with something left to test on.
    """
    n, k = dataset.n, dataset.k
    counts = np.bincount(dataset.item, minlength=dataset.schema.items)
    old = counts > n
    new = (counts >= 3 * k) & ~old
    rows = np.flatnonzero(new[dataset.item])
    rows = rows[np.lexsort((dataset.time[rows], dataset.item[rows]))]
    items = dataset.item[rows]
    first = np.flatnonzero(np.r_[True, items[1:] != items[:-1]]) if len(rows) else rows
    rank = np.arange(len(rows)) - np.repeat(first, np.diff(np.r_[first, len(rows)]))
    part = np.minimum(rank // k, len(WARM_PHASES))
    split = WarmUpSplit(
        base=np.flatnonzero(old[dataset.item]),
        warm={name: rows[part == number] for number, name in enumerate(WARM_PHASES)},
        test=rows[part == len(WARM_PHASES)],
        old_items=np.flatnonzero(old),
        new_items=np.flatnonzero(new),
        discarded_items=np.flatnonzero(counts < 3 * k),
    )
    if not len(split.base) or not len(split.test):
        raise InputError(
            f"{dataset.name} with N = {n}, K = {k} gives {len(split.base)} base and {len(split.test)} test rows; "
            f"it needs items with more than N interactions and items with more than 3 K"
        )
    return split
