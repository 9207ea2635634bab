"""The cache of prepared datasets: Parquet files in the user's cache folder, keyed by fingerprint.

There is no memory-mapped Arrow file besides: 26 million rows are decoded in a fraction of a second, once per run, and
all workers map Ray's single copy of the result (benchmarks/README.md, scale). LZ4 over split bytes is a third smaller
than LZ4 alone and faster to read, because the upper bytes of ids and times hardly change. Zstandard took five times as
long. Pages have checksums, because LZ4 has none and a byte changed on disk must not go unnoticed.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from coldbench.core.config import digest
from coldbench.core.errors import InputError
from coldbench.data.prepared import Prepared
from coldbench.data.schema import Field, Schema

_TABLES = ("users", "items", "interactions")
_CHUNK = 2**26  # rows per row group: more than any dataset here has, so each column is read in one piece
_LAYOUT = {
    "compression": "lz4",
    "use_dictionary": False,
    "use_byte_stream_split": True,
    "write_page_checksum": True,
    "row_group_size": _CHUNK,
}
_STALE = 86_400  # seconds after which an unfinished preparation counts as abandoned


def root() -> Path:
    """The cache folder: COLDBENCH_CACHE if it is set, else ``coldbench`` in the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("COLDBENCH_CACHE") or Path(base) / "coldbench")


def store(name: str, fingerprint: str, version: str, prepared: Prepared) -> None:
    """Writes a prepared dataset, which appears under its fingerprint whole or not at all.

    Raises:
        InputError: The cache folder cannot be written.
    """
    target = root() / name / fingerprint
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=".preparing-"))
        try:
            _write(scratch, version, prepared)
            try:
                scratch.rename(target)
            except OSError:
                if not target.is_dir():  # otherwise another process has stored the same content first
                    raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or str(error).splitlines()[0]
        raise InputError(
            f"the cache {root()} cannot be written ({reason}); make room, or set COLDBENCH_CACHE to a folder that can"
        ) from None


def _write(folder: Path, version: str, prepared: Prepared) -> None:
    for table in _TABLES:
        columns = {key: _column(values) for key, values in getattr(prepared, table).items()}
        path = folder / f"{table}.parquet"
        pq.write_table(pa.table(columns), path, **_LAYOUT)
        _settle(path)
    schema = prepared.schema
    about: dict[str, Any] = {
        "version": version,
        "label": prepared.label,
        "notes": prepared.notes,
        "users": schema.users,
        "items": schema.items,
        "fields": [asdict(field) for field in schema.fields],
        "shapes": _shapes(prepared),
    }
    about["digest"] = digest(about)
    (folder / "about.json").write_text(json.dumps(about, indent=1))
    _settle(folder / "about.json")


def _shapes(prepared: Prepared) -> dict[str, dict[str, list]]:
    """The types and sizes of all columns, because the part of a Parquet file that holds them has no checksum."""
    return {
        table: {key: [values.dtype.str, *values.shape] for key, values in getattr(prepared, table).items()}
        for table in _TABLES
    }


def _settle(path: Path) -> None:
    """Waits until a file is on disk, so that a power cut after the renaming leaves no gap in it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sweep(folder: Path) -> None:
    """Removes the files of preparations that were killed."""
    for left in folder.glob(".preparing-*"):
        with suppress(FileNotFoundError):  # another process has just removed it
            if time.time() - left.stat().st_mtime > _STALE:
                shutil.rmtree(left, ignore_errors=True)


def load(name: str, fingerprint: str, version: str) -> Prepared | None:
    """Reads a prepared dataset, or returns None if the cache has none by this version of the code.

    A damaged dataset is removed from the cache.
    """
    folder = root() / name / fingerprint
    if not folder.is_dir():
        return None
    try:
        about = json.loads((folder / "about.json").read_text())
        if about.get("version", "1") != version:
            return None
        users, items, interactions = (
            {key: _array(column) for key, column in zip(table.column_names, table.columns, strict=True)}
            for table in (_read(folder / f"{part}.parquet") for part in _TABLES)
        )
        schema = Schema(about["users"], about["items"], tuple(Field(**field) for field in about["fields"]))
        prepared = Prepared(about["label"], schema, users, items, interactions, tuple(about["notes"]))
        if not {"digest", "shapes"}.isdisjoint(about):  # older caches have neither
            written = about.pop("digest")
            if digest(about) != written or _shapes(prepared) != about["shapes"]:
                raise ValueError("it was changed since it was written")
        return prepared
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        shutil.rmtree(folder, ignore_errors=True)
        return None


def _read(path: Path) -> pa.Table:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read()


def remember(name: str, fingerprint: str) -> None:
    """Makes a fingerprint the current one for a dataset's name."""
    pointer = root() / name / "current"
    scratch = pointer.with_name(f".current-{os.getpid()}")
    scratch.write_text(fingerprint)
    scratch.replace(pointer)


def remembered(name: str) -> str | None:
    """The current fingerprint for a dataset's name, or None."""
    pointer = root() / name / "current"
    return pointer.read_text().strip() if pointer.is_file() else None


def _column(values: np.ndarray) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _array(column: pa.ChunkedArray) -> np.ndarray:
    array = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    if isinstance(array, pa.FixedSizeListArray):
        return array.flatten().to_numpy(zero_copy_only=False).reshape(len(array), -1)
    return array.to_numpy(zero_copy_only=False)
