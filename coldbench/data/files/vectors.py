"""Published item vectors -> a few numeric fields."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from coldbench.core.errors import InputError
from coldbench.data.files.parquet import parquet_columns, read_parquet
from coldbench.data.files.raw import RawFiles
from coldbench.data.schema import Field

_COMPONENTS = 16


def vector_components(raw: RawFiles, name: str, items: np.ndarray) -> list[tuple[Field, np.ndarray]]:
    """Computes the principal components of the items' vectors; items without a vector get zeros.

    Args:
        raw: The raw files.
        name: The Parquet file with ``article_id`` and one column of lists.
        items: The sorted distinct ids of the items in the log.

    Returns:
        The numeric fields ``vector_1`` to ``vector_16`` of the item side.

    Raises:
        InputError: The vectors differ in length, are not finite, or belong to other items.
    """
    key = "article_id"
    column = next((found for found in parquet_columns(raw, name) if found != key), "vector")
    matrix, has = np.zeros((0, 0), np.float32), np.zeros(len(items), bool)
    for table in read_parquet(raw, name, {key: pa.int64(), column: pa.large_list(pa.float32())}):
        vectors = _matrix(f"{name}, column {column}", table[column], matrix.shape[1])
        matrix = matrix if matrix.size else np.zeros((len(items), vectors.shape[1]), np.float32)
        place = pd.Index(items).get_indexer(table[key].to_numpy())
        matrix[place[place >= 0]] = vectors[place >= 0]
        has[place[place >= 0]] = True
    if not has.any():
        raise InputError(f"{name} has no vector of the articles that were shown")
    matrix[has] -= matrix[has].mean(0)
    _, axes = np.linalg.eigh(matrix.T.astype(np.float64) @ matrix)
    axes = axes[:, ::-1][:, :_COMPONENTS]
    axes *= np.sign(axes[np.abs(axes).argmax(0), np.arange(axes.shape[1])])  # fixes the sign, which is arbitrary
    scores = (matrix @ axes).astype(np.float32)
    return [(Field(f"vector_{number}", "numeric", "item"), part) for number, part in enumerate(scores.T, 1)]


def _matrix(where: str, lists: pa.ChunkedArray, width: int) -> np.ndarray:
    """(rows, width) float32 vectors from lists; a width of 0 accepts any."""
    whole = lists.combine_chunks()
    lengths = np.unique(pc.list_value_length(whole).to_numpy())
    if len(lengths) != 1 or not lengths[0] or (width and lengths[0] != width):
        raise InputError(f"{where}: the vectors are not of one length")
    values = pc.list_flatten(whole).to_numpy(zero_copy_only=False).reshape(len(whole), -1)
    if not np.isfinite(values).all():
        raise InputError(f"{where}: a vector is not finite")
    return values
