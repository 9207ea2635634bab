"""Distances between the embeddings of cold and old items; AVAEW's figure 2 shows this gap as a picture."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist, pdist

MOST = 1000  # items of each kind that are compared; larger groups are sampled with a seed
DIRECTIONS = 128


class OldItems:
    """The old items' embeddings, from which distances to other embeddings are measured.

    All comparisons use the same sample, the same directions and the same kernel, so that the distances of two methods,
    or of two phases, on one pretrained backbone are comparable. They use a random stream of their own.

    Args:
        embeddings: (old, dim) the old items' embeddings.
        seed: Seeds the samples and the directions.
    """

    def __init__(self, embeddings: np.ndarray, seed: int) -> None:
        random = np.random.default_rng(seed)
        self._seed = seed
        self._directions = directions(DIRECTIONS, embeddings.shape[1], random)
        self._embeddings = _sample(embeddings, random)
        self._bandwidth = median_distance(self._embeddings)

    def gap(self, cold: np.ndarray) -> dict[str, float]:
        """(cold, dim) embeddings -> ``sliced_wasserstein`` and ``mmd_squared`` by name; undefined values are NaN."""
        cold = _sample(cold, np.random.default_rng((self._seed, 1)))
        return {
            "sliced_wasserstein": sliced_wasserstein(cold, self._embeddings, self._directions),
            "mmd_squared": mmd_squared(cold, self._embeddings, self._bandwidth),
        }


def sliced_wasserstein(first: np.ndarray, second: np.ndarray, directions: np.ndarray) -> float:
    """Sliced Wasserstein distance of order 1 (Bonneel et al. 2015, DOI 10.1007/s10851-014-0506-3).

    It is the mean over directions of the Wasserstein-1 distance between the two samples' projections: the area between
    their quantile functions, exact for samples of different sizes. Its unit is that of the embeddings, not squared. A
    shift by a vector of length r gives about r sqrt(2 / (pi dim)).

    Args:
        first: (n, dim) points, n of at least 1.
        second: (m, dim) points, m of at least 1.
        directions: (directions, dim) vectors of length 1.
    """
    n, m = len(first), len(second)
    # both quantile functions are constant between these points, in units of 1 / (n m)
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    widths = np.diff(ends, prepend=0) / (n * m)
    between = np.abs(
        _quantiles(first, directions)[:, (ends - 1) // m] - _quantiles(second, directions)[:, (ends - 1) // n]
    )
    return float((between * widths).sum(1).mean())


def mmd_squared(first: np.ndarray, second: np.ndarray, bandwidth: float) -> float:
    """Unbiased squared maximum mean discrepancy (Gretton et al. 2012, JMLR 13, lemma 6), kernel exp(-d^2 / (2 h^2)).

    Its expectation is 0 if both samples have the same distribution, so it can be negative; it is at most 2.

    Args:
        first: (n, dim) points, n of at least 2.
        second: (m, dim) points, m of at least 2.
        bandwidth: h in the kernel.

    Returns:
        The estimate; NaN if a sample has fewer than two points or the bandwidth is 0.
    """
    if min(len(first), len(second)) < 2 or not bandwidth > 0:
        return float("nan")
    scale = -0.5 / bandwidth**2
    within = [np.exp(scale * pdist(points, "sqeuclidean")).mean() for points in (first, second)]
    return float(sum(within) - 2 * np.exp(scale * cdist(first, second, "sqeuclidean")).mean())


def median_distance(points: np.ndarray) -> float:
    """The median distance between pairs of (n, dim) points, the usual bandwidth (Gretton et al. 2012, section 8).

    The source pools both samples; here only the old items determine it, or every method would have its own kernel.
    """
    return float(np.median(pdist(points))) if len(points) > 1 else float("nan")


def directions(count: int, dim: int, random: np.random.Generator) -> np.ndarray:
    """(count, dim) random directions, uniform on the sphere."""
    drawn = random.standard_normal((count, dim))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def _quantiles(points: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """(n, dim) points -> (directions, n) sorted projections, without BLAS: equal bits for any number of threads."""
    return np.sort(np.einsum("nd,ld->ln", points.astype(np.float64), directions), 1)


def _sample(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draws at most ``MOST`` of the points, without replacement."""
    return points if len(points) <= MOST else points[random.choice(len(points), MOST, replace=False)]
