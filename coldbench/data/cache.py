"""The cache of prepared datasets: Parquet under the user's cache folder, keyed by fingerprint."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from coldbench.data.prepared import Prepared
from coldbench.data.schema import Field, Schema

_TABLES = ("users", "items", "interactions")


def root() -> Path:
    """The cache folder: COLDBENCH_CACHE, else the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("COLDBENCH_CACHE") or Path(base) / "coldbench")


def store(name: str, fingerprint: str, prepared: Prepared) -> None:
    """Writes a prepared dataset; it appears under its fingerprint whole or not at all."""
    target = root() / name / fingerprint
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".preparing-"))
    try:
        for table in _TABLES:
            columns = {key: _column(values) for key, values in getattr(prepared, table).items()}
            pq.write_table(pa.table(columns), scratch / f"{table}.parquet", compression="zstd")
        schema = prepared.schema
        about = {
            "label": prepared.label,
            "notes": prepared.notes,
            "users": schema.users,
            "items": schema.items,
            "fields": [asdict(field) for field in schema.fields],
        }
        (scratch / "about.json").write_text(json.dumps(about, indent=1))
        try:
            scratch.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was first, with the same content
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def load(name: str, fingerprint: str) -> Prepared | None:
    """Reads a prepared dataset back, or returns None where the cache has none."""
    folder = root() / name / fingerprint
    if not folder.is_dir():
        return None
    about = json.loads((folder / "about.json").read_text())
    users, items, interactions = (
        {key: _array(column) for key, column in zip(table.column_names, table.columns, strict=True)}
        for table in (pq.read_table(folder / f"{part}.parquet", memory_map=True) for part in _TABLES)
    )
    schema = Schema(about["users"], about["items"], tuple(Field(**field) for field in about["fields"]))
    return Prepared(about["label"], schema, users, items, interactions, tuple(about["notes"]))


def remember(name: str, fingerprint: str) -> None:
    """Makes a fingerprint the one that the dataset's name stands for."""
    pointer = root() / name / "current"
    scratch = pointer.with_name(f".current-{os.getpid()}")
    scratch.write_text(fingerprint)
    scratch.replace(pointer)


def remembered(name: str) -> str | None:
    """The fingerprint that the dataset's name stands for, or None."""
    pointer = root() / name / "current"
    return pointer.read_text().strip() if pointer.is_file() else None


def _column(values: np.ndarray) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _array(column: pa.ChunkedArray) -> np.ndarray:
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if isinstance(array, pa.FixedSizeListArray):
        return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), -1)
    return array.to_numpy(zero_copy_only=False)
