"""Importance of hyper-parameters: the share of the scores' variance that goes with one of them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from coldbench.report.analysis.scale import Scale

FEWEST, PER_TERM = 12, 6  # trials in all, and for each term of a field's curve
LEVEL = 0.05
_SHUFFLES, _SEED = 4000, 0


@dataclass(frozen=True)
class Share:
    """A share of the variance of the scores' ranks.

    Attributes:
        explained: The share that a curve of the field alone explains, in [0, 1].
        chance: The level that the shares of all fields stay under in 95 of 100 searches where no field matters; NaN
            where all trials have the same value.
    """

    explained: float
    chance: float

    @property
    def shown(self) -> bool:
        """Whether the share exceeds the level of chance."""
        return self.explained > self.chance


def shares(
    scales: Mapping[str, Scale], values: Sequence[Mapping[str, Any]], scores: Sequence[float]
) -> dict[str, Share] | str:
    """Main effects: the share of the variance of the ranks that a curve of each field explains.

    The curve is a parabola over the field's scale, or a mean per choice: the first-order term of a functional analysis
    of variance, of ranks, so that one bad corner of a range does not count for all. Chance levels are quantiles over
    shuffled scores, at ``LEVEL`` divided by the number of fields.

    Args:
        scales: The scale of each field.
        values: The values of each trial, by field.
        scores: The score of each trial.

    Returns:
        The share of each field, or the reason why there is none.
    """
    if not scales:
        return "nothing was searched"
    bases = [_basis(scale, [each[field] for each in values]) for field, scale in scales.items()]
    needed = max(FEWEST, PER_TERM * max(basis.shape[1] for basis in bases))
    if len(scores) < needed:
        return f"{len(scores)} trials, and fewer than {needed} say nothing"
    ranks = rankdata(scores) - (len(scores) + 1) / 2
    total = float(ranks @ ranks)
    if total == 0:
        return "all trials scored the same"
    random = np.random.default_rng(_SEED)
    shuffled = [random.permutation(ranks) for _ in range(_SHUFFLES)]
    found = {}
    for field, basis in zip(scales, bases, strict=True):
        if not basis.shape[1]:
            found[field] = Share(0.0, float("nan"))
            continue
        by_chance = [float(((basis.T @ each) ** 2).sum()) / total for each in shuffled]
        chance = np.quantile(by_chance, 1 - LEVEL / len(scales), method="higher")
        found[field] = Share(float(((basis.T @ ranks) ** 2).sum()) / total, float(chance))
    return found


def _basis(scale: Scale, values: Sequence[Any]) -> np.ndarray:
    """(trials, terms): an orthonormal basis of the field's curves that are zero in the mean."""
    places = np.array([scale.place(value) for value in values])
    terms = places[:, None] == np.unique(places) if scale.categorical else np.stack([places, places**2], axis=1)
    centred = terms - terms.mean(0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, sizes > 1e-9 * max(len(values), 1)]
