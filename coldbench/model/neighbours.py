"""The old items that are nearest to an item: by shared side information, or by vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from coldbench.model.rows import Rows

_CHUNK = 1024  # items whose scores against all old items are in memory at once


class Near(NamedTuple):
    """The nearest old items of each item, best first; among equals the first old item comes first.

    Attributes:
        place: (items, k) int64 positions among the old items.
        score: (items, k) float32 how near they are; -inf where an item has fewer than k neighbours.
    """

    place: Tensor
    score: Tensor


def sharing(items: Rows, old: Tensor, old_ids: Tensor, k: int) -> Near:
    """Finds the old items that share the most values of categorical and multi-valued fields with each item.

    The score is the number of shared values, as in GME's graph. An item is no neighbour of itself, and items that share
    nothing are no neighbours.

    Args:
        items: (items, ...) the items.
        old: (old,) the numbers of the old items.
        old_ids: (old, columns) their ids, as in ``Rows``.
        k: The maximum number of neighbours.
    """
    left, right = _values(items.ids, items.vocabulary), _values(old_ids, items.vocabulary).T.tocsr()

    def score(part: slice) -> Tensor:
        shared = torch.from_numpy((left[part] @ right).toarray()).to(old.device)
        return shared.masked_fill(shared == 0, -torch.inf)

    return _nearest(items.number, old, k, score)


def nearest(items: Tensor, vectors: Tensor, old: Tensor, old_vectors: Tensor, k: int) -> Near:
    """Finds the old items whose vectors have the largest cosine with each item's; an item is no neighbour of itself.

    Args:
        items: (items,) the numbers of the items.
        vectors: (items, width) their vectors.
        old: (old,) the numbers of the old items.
        old_vectors: (old, width) their vectors.
        k: The maximum number of neighbours.
    """
    left, right = functional.normalize(vectors, dim=1), functional.normalize(old_vectors, dim=1)
    return _nearest(items, old, k, lambda part: left[part] @ right.T)


def _nearest(items: Tensor, old: Tensor, k: int, score: Callable[[slice], Tensor]) -> Near:
    parts = []
    for start in range(0, len(items), _CHUNK):
        part = slice(start, start + _CHUNK)
        scores = score(part).masked_fill(items[part].unsqueeze(1) == old, -torch.inf)
        order = scores.argsort(dim=1, descending=True, stable=True)[:, :k]
        parts.append((order, scores.gather(1, order)))
    places, scores_ = zip(*parts, strict=True)
    return Near(torch.cat(places), torch.cat(scores_))


def _values(ids: Tensor, vocabulary: int) -> sparse.csr_array:
    """(rows, vocabulary) 1.0 where a row has a value, padding excluded."""
    matrix = ids.cpu().numpy()
    row, column = np.nonzero(matrix)
    ones = np.ones(len(row), np.float32)
    found = sparse.csr_array((ones, (row, matrix[row, column])), shape=(len(matrix), vocabulary))
    found.sum_duplicates()
    found.data[:] = 1  # a value that is given twice counts once
    return found
