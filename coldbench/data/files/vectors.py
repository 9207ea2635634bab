"""Vectors of items, such as embeddings of texts or images: checks, scaling to length 1, and published files of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from coldbench.core.errors import InputError
from coldbench.data.files.parquet import parquet_columns, read_parquet
from coldbench.data.files.raw import RawFiles
from coldbench.data.schema import Field

_ROWS = 2**15  # rows that are scaled at once


def unit_vectors(values: np.ndarray) -> np.ndarray:
    """Scales vectors to length 1 each, which needs no statistic of other rows and always fits into float16.

    Args:
        values: (rows, width) finite numbers of any floating type.

    Returns:
        (rows, width) float16; zeros stay zeros.
    """
    scaled = np.empty(values.shape, np.float16)
    for start in range(0, len(values), _ROWS):
        part = values[start : start + _ROWS].astype(np.float64)
        largest = np.abs(part).max(1, keepdims=True, initial=0)
        part /= np.where(largest > 0, largest, 1)  # squares of very large and very small numbers stay finite
        length = np.linalg.norm(part, axis=1, keepdims=True)
        scaled[start : start + _ROWS] = part / np.where(length > 0, length, 1)
    return scaled


def article_vectors(raw: RawFiles, name: str, items: np.ndarray) -> tuple[Field, np.ndarray, tuple[str, ...]]:
    """Reads the vectors of the items in the log; items without a vector get zeros.

    Args:
        raw: The raw files.
        name: The Parquet file with ``article_id`` and one column of lists.
        items: The sorted distinct ids of the items in the log.

    Returns:
        The field ``vector`` of the item side, its (items, width) float16 values, and notes.

    Raises:
        InputError: The vectors differ in length, are not finite, or belong to other items.
    """
    key = "article_id"
    column = next((found for found in parquet_columns(raw, name) if found != key), "vector")
    matrix, has = np.zeros((len(items), 0), np.float16), np.zeros(len(items), bool)
    for table in read_parquet(raw, name, {key: pa.int64(), column: pa.large_list(pa.float32())}):
        vectors = _matrix(f"{name}, column {column}", table[column], matrix.shape[1])
        matrix = matrix if matrix.size else np.zeros((len(items), vectors.shape[1]), np.float16)
        place = pd.Index(items).get_indexer(table[key].to_numpy())
        matrix[place[place >= 0]] = unit_vectors(vectors[place >= 0])
        has[place[place >= 0]] = True
    if not has.any():
        raise InputError(f"{name} has no vector of the articles that were shown")
    lacks = f"{name} lacks {(~has).sum():,} of {len(items):,} articles, which get zeros"
    return Field("vector", "vector", "item", width=matrix.shape[1]), matrix, (lacks,) * bool(not has.all())


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
