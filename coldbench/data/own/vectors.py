"""Vectors in a user's own files: a Parquet column of lists, or an NPZ file with the arrays ``ids`` and ``vectors``."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from coldbench.data.files.vectors import unit_vectors
from coldbench.data.own.problems import Problem, Problems

_NOTHING = np.zeros((0, 0), np.float16)
_INFINITE = "it should hold finite numbers alone"


def vectors_of_lists(file: str, name: str, column: pa.ChunkedArray, problems: Problems) -> np.ndarray:
    """Reads a column of lists.

    Args:
        file: The file's name, for messages.
        name: The column's name, for messages.
        column: The column; a missing list stands for an item without a vector.
        problems: The list to which mistakes are added.

    Returns:
        (rows, width) float16, each of length 1 or 0; width 0 if the column has a problem.
    """
    nothing = np.zeros((len(column), 0), np.float16)
    try:
        lists = column.cast(pa.large_list(pa.float32()), safe=False).combine_chunks()
    except pa.ArrowException:
        what = f"it is of type {column.type}; it should hold lists of numbers, as a Parquet file can"
        problems.append(Problem(file, what, name))
        return nothing
    lengths = pc.fill_null(pc.list_value_length(lists), -1).to_numpy()
    there = lengths >= 0
    width = int(np.bincount(lengths[there]).argmax()) if there.any() else 0
    if not width:
        problems.append(Problem(file, "no row has a vector; each should be a list of numbers", name))
        return nothing
    wrong = there & (lengths != width)
    problems.rows(file, name, wrong, lambda row: f"a vector of {lengths[row]} numbers; most have {width}")
    if wrong.any():
        return nothing
    numbers = pc.list_flatten(lists).to_numpy(zero_copy_only=False).reshape(-1, width)
    infinite = np.zeros(len(column), bool)
    infinite[there] = ~np.isfinite(numbers).all(1)
    problems.rows(file, name, infinite, lambda row: _INFINITE)
    vectors = np.zeros((len(column), width), np.float16)
    if not infinite.any():
        vectors[there] = unit_vectors(numbers)
    return vectors


def vectors_of_npz(path: Path, index: pd.Index, problems: Problems) -> tuple[np.ndarray, list[str]]:
    """Reads an NPZ file with ``ids``, (vectors,) texts or whole numbers, and ``vectors``, (vectors, width) numbers.

    Args:
        path: The file.
        index: The ids of the items or users in the log, in order.
        problems: The list to which mistakes are added.

    Returns:
        (index, width) float16, each of length 1, or 0 for an id that the file lacks, and notes.
    """
    before = len(problems)
    ids, vectors = _arrays(path, problems)
    if len(problems) > before:
        return _NOTHING, []
    again = pd.Series(ids).duplicated().to_numpy()
    problems.rows(path.name, "ids", again, lambda row: f"the id {ids[row].item()!r:.60} comes a second time")
    infinite = ~np.isfinite(vectors).all(1)
    problems.rows(path.name, "vectors", infinite, lambda row: _INFINITE)
    if again.any() or infinite.any():
        return _NOTHING, []
    alike = pd.api.types.is_integer_dtype(index.dtype) == (ids.dtype.kind in "iu")
    place = (index if alike else index.astype("str")).get_indexer(pd.Index(ids if alike else ids.astype(str)))
    known = place >= 0
    if not known.any() and len(index):
        problems.append(Problem(path.name, f"none of its {len(ids):,} ids is in the log", "ids"))
    values = np.zeros((len(index), vectors.shape[1]), np.float16)
    values[place[known]] = unit_vectors(vectors[known])
    note = f"{path.name}: {(~known).sum():,} of {len(ids):,} ids are not in the log, and were ignored"
    return values, [note] * bool(not known.all())


def _arrays(path: Path, problems: Problems) -> tuple[Any, Any]:
    """The arrays of an NPZ file; empty ones if they have a problem."""
    try:
        with np.load(path, allow_pickle=False) as content:
            ids, vectors = content["ids"], content["vectors"]
    except FileNotFoundError:
        problems.append(Problem(path.name, "it is not there"))
    except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile):
        problems.append(Problem(path.name, "it is no readable NPZ file with the arrays ids and vectors"))
    else:
        alike = ids.ndim == 1 and vectors.ndim == 2 and len(ids) == len(vectors) and vectors.shape[1]
        if alike and ids.dtype.kind in "iuU" and vectors.dtype.kind in "fiu":
            return ids, vectors
        shapes = f"ids are {ids.dtype} {ids.shape}, vectors {vectors.dtype} {vectors.shape}"
        should = "they should be (rows,) texts or whole numbers, and (rows, width) numbers"
        problems.append(Problem(path.name, f"{shapes}; {should}"))
    return np.zeros(0), np.zeros((0, 0))
