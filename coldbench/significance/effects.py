"""Effect sizes across blocks, with stratified bootstrap intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coldbench.significance.paired import NONE, Interval


@dataclass(frozen=True)
class Effect:
    """By how much, and how surely, one method is better than another.

    Attributes:
        difference: Mean of first minus second, over the blocks' means.
        difference_interval: NaN where no block has two seeds.
        improvement: Probability that a run of the first beats a run of the second, ties half, mean over blocks.
        improvement_interval: NaN where no block has two seeds.
        blocks: How many counted.
    """

    difference: float
    difference_interval: Interval
    improvement: float
    improvement_interval: Interval
    blocks: int


def effect(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    higher_is_better: bool = True,
    replicates: int = 2000,
    alpha: float = 0.05,
    seed: int = 0,
) -> Effect:
    """Mean difference and probability of improvement (Agarwal et al. 2021, arXiv:2108.13264).

    Every replicate draws seeds again within each block, for both methods the same ones, since methods are paired.

    Args:
        first: Per block (seeds,) values of one method.
        second: Per block (seeds,) values of the other, the same seeds in the same order.
        higher_is_better: Which direction is an improvement; the difference keeps its sign.
        replicates: How often to resample.
        alpha: 1 - alpha is the intervals' level.
        seed: Of the resampling.

    Raises:
        ValueError: A block's two arrays have different shapes.
    """
    blocks = [_finite(one, other) for one, other in zip(first, second, strict=True)]
    blocks = [block for block in blocks if block.shape[1]]
    if not blocks:
        return Effect(math.nan, NONE, math.nan, NONE, 0)
    sign = 1 if higher_is_better else -1
    random = np.random.default_rng(seed)
    point = np.mean([_sizes(block[:, None, :], sign) for block in blocks], axis=0)[:, 0]
    if all(block.shape[1] < 2 for block in blocks):
        return Effect(float(point[0]), NONE, float(point[1]), NONE, len(blocks))
    drawn = np.zeros((2, replicates))
    for block in blocks:
        seeds = block.shape[1]
        drawn += _sizes(block[:, random.integers(seeds, size=(replicates, seeds))], sign) / len(blocks)
    (low, less), (high, more) = np.quantile(drawn, [alpha / 2, 1 - alpha / 2], axis=1)
    return Effect(float(point[0]), (float(low), float(high)), float(point[1]), (float(less), float(more)), len(blocks))


def _finite(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(2, seeds) of the seeds where both are finite."""
    if np.shape(first) != np.shape(second):
        raise ValueError(f"paired values should have one shape, not {np.shape(first)} and {np.shape(second)}")
    both = np.array([first, second], float)
    return both[:, np.isfinite(both).all(axis=0)]


def _sizes(values: np.ndarray, sign: int) -> np.ndarray:
    """(2, replicates, seeds) -> (2, replicates): mean difference and probability of improvement."""
    first, second = values
    against = sign * (first[:, :, None] - second[:, None, :])
    return np.array([(first - second).mean(-1), ((np.sign(against) + 1) / 2).mean((-1, -2))])
