"""The parts of a split log, and the split ``frequency`` by N and K, also for validation on pseudo-cold items."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from coldbench.core.errors import InputError
from coldbench.core.seeds import derive
from coldbench.data.dataset import Dataset
from coldbench.protocol.shots import cut, ranked

PSEUDO_COLD = 0.2  # share of the old items that validation treats as new
_FEWEST_ROWS = 8  # in a batch; batch normalisation needs two, and a remainder may be a quarter of a batch


@dataclass(frozen=True)
class WarmUpSplit:
    """The row numbers of each part of a log, in time order per item (AVAEW, section 3.1).

    Attributes:
        base: The interactions of the old items that training uses, in row order.
        warm: Maps each warm-up phase to the next interactions of each new item, the same number for every item.
        test: The interactions of the new items after the first 3 ``k``.
        old_items: The items that base is about; under ``frequency``, those with more than ``n`` interactions.
        new_items: The cold items; under ``frequency``, those with at least 3 ``k`` and at most ``n`` interactions.
        discarded_items: Items that are neither, as they have too few interactions.
        known: The rows that counts and scalings use under the ``paper`` protocol; by default all rows, as a slice.
        batch_scale: In validation, the number of its new items per new item of the test; otherwise 1.
    """

    base: np.ndarray
    warm: dict[str, np.ndarray]
    test: np.ndarray
    old_items: np.ndarray
    new_items: np.ndarray
    discarded_items: np.ndarray
    known: np.ndarray | slice = field(default_factory=lambda: slice(None))
    batch_scale: float = 1.0

    def warm_batch_size(self, batch_size: int) -> int:
        """The rows per batch of a warm-up phase, where a batch of base has ``batch_size`` rows.

        Validation has other numbers of new items than the test. Its warm-up batches are smaller or larger in that
        proportion, so that a phase has as many batches, and an item as many rows in each, as in the test.
        """
        return max(min(batch_size, _FEWEST_ROWS), round(batch_size * self.batch_scale))

    def sizes(self) -> dict[str, int]:
        """The number of rows per part and of items per group, by name."""
        return {
            "base": len(self.base),
            **{name: len(rows) for name, rows in self.warm.items()},
            "test": len(self.test),
            "items_old": len(self.old_items),
            "items_new": len(self.new_items),
            "items_discarded": len(self.discarded_items),
        }


def warm_up_split(dataset: Dataset, shots: tuple[int, ...] = ()) -> WarmUpSplit:
    """Splits a dataset by its N and K.

    Args:
        dataset: The log.
        shots: The evaluation points (``shots.phase_names``).

    Raises:
        InputError: If there are no old items, no new items with interactions left for the test, or too many shots.
    """
    n, k = dataset.n, dataset.k
    counts = np.bincount(dataset.item, minlength=dataset.schema.items)
    old = counts > n
    new = (counts >= 3 * k) & ~old
    split = WarmUpSplit(
        base=np.flatnonzero(old[dataset.item]),
        **cut(dataset, *ranked(dataset, new[dataset.item]), shots),
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


def pseudo_cold_split(dataset: Dataset, *seed: object, shots: tuple[int, ...] = ()) -> WarmUpSplit:
    """Splits a dataset to choose hyper-parameters: old items, drawn by the seed, are treated exactly like new ones.

    All interactions of the drawn items leave base; each item's first N, the maximum of a new item, form the phases and
    the test. The new items are not part of this split: none of their rows are trained on, scored or counted.

    Raises:
        InputError: If the dataset cannot be split, or has too few old items to spare any.
    """
    split = warm_up_split(dataset, shots)
    drawn = round(PSEUDO_COLD * len(split.old_items))
    if not drawn:
        raise InputError(
            f"{dataset.name} has {len(split.old_items)} old items, too few to treat a share of {PSEUDO_COLD:g} of them "
            f"as new, which tuning does; lower N"
        )
    pseudo = np.sort(np.random.default_rng(derive(*seed, "pseudo-cold")).permutation(split.old_items)[:drawn])
    new = np.zeros(dataset.schema.items, dtype=bool)
    new[pseudo] = True
    rows, rank = ranked(dataset, new[dataset.item])
    rows, rank = rows[rank < dataset.n], rank[rank < dataset.n]
    base = split.base[~new[dataset.item[split.base]]]
    return WarmUpSplit(
        base=base,
        **cut(dataset, rows, rank, shots),
        old_items=np.setdiff1d(split.old_items, pseudo),
        new_items=pseudo,
        discarded_items=split.discarded_items,
        known=np.sort(np.concatenate([base, rows])),
        batch_scale=len(pseudo) / len(split.new_items),
    )
