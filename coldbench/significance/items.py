"""Bootstrap over items, and over rows within items: test rows of one item are not independent."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from coldbench.significance.paired import NONE, Interval

_AT_ONCE = 2_000_000  # weights held at once


@dataclass(frozen=True)
class ItemBootstrap:
    """The difference of two mean AUCs with its interval over test items.

    Attributes:
        difference: Mean over seeds, on all test rows.
        standard_error: Standard deviation over the replicates; NaN with fewer than two replicates or items.
        interval: The difference plus and minus a multiple of the standard error, from Student's t with items - 1
            degrees of freedom; NaN with fewer than two replicates or items.
        replicates: Number of replicates with both classes; only tiny data give others.
        items: Number of test items.
    """

    difference: float
    standard_error: float
    interval: Interval
    replicates: int
    items: int


def item_bootstrap(
    labels: np.ndarray,
    items: np.ndarray,
    scores_a: np.ndarray,
    scores_b: np.ndarray,
    replicates: int = 400,
    alpha: float = 0.05,
    seed: int = 0,
    within: bool = True,
) -> ItemBootstrap:
    """Interval of the difference of two AUCs, for other test items of the same kind.

    Args:
        labels: (rows,) 0 or 1.
        items: (rows,) the item of each row.
        scores_a: (rows,) of one model, or (seeds, rows) of one method's models, whose AUCs are averaged.
        scores_b: (rows,) or (seeds, rows) of the other model or method.
        replicates: Number of resamples.
        alpha: 1 - alpha is the interval's level.
        seed: Seed of the resampling.
        within: Whether the rows of a drawn item are drawn again as well. That counts the scatter within items twice,
            so the interval is too wide where items have few rows; without it, it is close to nominal.

    Raises:
        ValueError: The lengths differ, or a score is NaN.
    """
    first, second = np.atleast_2d(scores_a), np.atleast_2d(scores_b)
    everything = np.vstack([first, second])
    aucs = bootstrap_aucs(labels, items, everything, replicates, seed, within)
    point = _Ranked.all_of(labels, everything).aucs(np.ones((1, len(labels)), np.int32))[0]
    return summarise(point, aucs, len(first), alpha, len(np.unique(items)))


def summarise(point: np.ndarray, aucs: np.ndarray, first: int, alpha: float, items: int) -> ItemBootstrap:
    """Replicates of several models' AUCs -> the difference of two methods' mean AUCs with its interval.

    The interval rests on the standard deviation of the replicates, which a few hundred of them give to within a few
    percent, while their 2.5 % quantile rests on a handful of them. Student's t allows for few items.

    Args:
        point: (models,) on all rows.
        aucs: (replicates, models).
        first: Number of models of the first method; the rest are the second's.
        alpha: 1 - alpha is the interval's level.
        items: Number of test items.
    """

    def difference(values: np.ndarray) -> np.ndarray:
        return values[..., :first].mean(-1) - values[..., first:].mean(-1)

    drawn = difference(aucs)
    drawn = drawn[np.isfinite(drawn)]
    mean = float(difference(point))
    if min(len(drawn), items) < 2:
        return ItemBootstrap(mean, math.nan, NONE, len(drawn), items)
    error = float(drawn.std(ddof=1))
    half = float(stats.t.ppf(1 - alpha / 2, items - 1)) * error
    return ItemBootstrap(mean, error, (mean - half, mean + half), len(drawn), items)


def bootstrap_aucs(
    labels: np.ndarray,
    items: np.ndarray,
    scores: np.ndarray,
    replicates: int = 400,
    seed: int = 0,
    within: bool = True,
) -> np.ndarray:
    """AUCs of several models on the same resampled rows.

    Every score is sorted once; a replicate is a vector of row weights, and its AUC a cumulative sum along the order.

    Args:
        labels: (rows,) 0 or 1.
        items: (rows,) the item of each row.
        scores: (models, rows).
        replicates: Number of resamples.
        seed: Seed of the resampling.
        within: Whether the rows of a drawn item are drawn again as well.

    Returns:
        (replicates, models); NaN where a replicate has only one class.

    Raises:
        ValueError: The lengths differ, or a score is NaN.
    """
    ranked = _Ranked.all_of(labels, scores)
    if np.shape(items) != np.shape(labels):
        raise ValueError(f"items and labels should have one length, not {np.shape(items)} and {np.shape(labels)}")
    drawn = _weights(np.asarray(items), replicates, seed, within)
    return np.concatenate([ranked.aucs(weights) for weights in drawn])


def _weights(items: np.ndarray, replicates: int, seed: int, within: bool) -> Iterator[np.ndarray]:
    """(some replicates, rows) how often each row was drawn, block by block."""
    order = np.argsort(items, kind="stable")
    ordered = items[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[first, len(items)])
    random = np.random.default_rng(seed)
    block = max(1, min(replicates, _AT_ONCE // len(items)))
    for start in range(0, replicates, block):
        weights = np.empty((min(block, replicates - start), len(items)), np.int32)
        for row in weights:
            drawn = random.integers(len(first), size=len(first))
            if within:
                span = sizes[drawn]
                place = (random.random(int(span.sum())) * np.repeat(span, span)).astype(np.int64)
                row[order] = np.bincount(np.repeat(first[drawn], span) + place, minlength=len(items))
            else:
                row[order] = np.repeat(np.bincount(drawn, minlength=len(first)), sizes)
        yield weights


@dataclass(frozen=True)
class _Ranked:
    """Models whose rows are sorted, so that AUCs with row weights are cumulative sums.

    Attributes:
        models: Per model the clicked rows and the other rows in the order of their scores, and for each clicked row how
            many other rows are below it and how many are not above it.
    """

    models: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]

    @classmethod
    def all_of(cls, labels: np.ndarray, scores: np.ndarray) -> _Ranked:
        positive = np.asarray(labels) > 0
        if np.ndim(scores) != 2 or np.shape(scores)[1:] != positive.shape or not len(positive):
            raise ValueError(f"labels and scores should have one length, not {positive.shape} and {np.shape(scores)}")
        if np.isnan(scores).any():
            raise ValueError("a score is NaN; NaNs cannot be ranked")
        models = []
        for score in scores:
            order = np.argsort(score)
            clicked, other = order[positive[order]], order[~positive[order]]
            below, upto = (np.searchsorted(score[other], score[clicked], side) for side in ("left", "right"))
            models.append((clicked, other, below, upto))
        return cls(models)

    def aucs(self, weights: np.ndarray) -> np.ndarray:
        """(replicates, rows) -> (replicates, models); in whole numbers, which add up much faster than floats."""
        found = np.empty((len(weights), len(self.models)))
        for place, (clicked, other, below, upto) in enumerate(self.models):
            tied = np.flatnonzero(below != upto)  # few, so that most places are looked up once
            passed = np.zeros(len(other) + 1, weights.dtype)
            for replicate, weight in enumerate(weights):
                np.cumsum(weight.take(other), out=passed[1:])
                chosen = weight.take(clicked)
                won = np.multiply(chosen, passed.take(below), dtype=np.int64).sum()
                if len(tied):
                    level = passed[upto[tied]] - passed[below[tied]]
                    won += np.multiply(chosen[tied], level, dtype=np.int64).sum() / 2
                pairs = int(chosen.sum()) * int(passed[-1])
                found[replicate, place] = won / pairs if pairs else math.nan
        return found
