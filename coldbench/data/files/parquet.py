"""Published Parquet files -> batches of typed columns, read in bounded memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from coldbench.core.errors import InputError
from coldbench.data.files.raw import RawFiles

_BATCH = 2**15  # rows


def parquet_columns(raw: RawFiles, name: str) -> list[str]:
    """The names of a Parquet file's columns.

    Raises:
        InputError: The file is missing or is not Parquet.
    """
    with raw.mapped(name) as file:
        try:
            return list(pq.read_schema(file).names)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(name, error) from None


def read_parquet(
    raw: RawFiles, name: str, types: Mapping[str, pa.DataType], missing: Collection[str] = ()
) -> Iterator[pa.Table]:
    """Reads a Parquet file in batches of rows.

    Args:
        raw: The raw files.
        name: The name of the file to read.
        types: The types of the columns that are needed.
        missing: Columns that may have missing values.

    Raises:
        InputError: The file is not Parquet or lacks a column, or a value is missing or of another type.
    """
    there = parquet_columns(raw, name)
    for column in types:
        if column not in there:
            raise InputError(f"{name} has no column {column}; it holds: {', '.join(there):.200}")
    rows = 0
    with raw.mapped(name) as file:
        try:
            parquet = pq.ParquetFile(file)
            for batch in parquet.iter_batches(_BATCH, columns=list(types), use_threads=False):
                table = pa.Table.from_batches([batch])
                yield pa.table({column: _cast(name, column, rows, table, types, missing) for column in types})
                rows += len(table)
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(name, error) from None


def _cast(
    name: str, column: str, rows: int, table: pa.Table, types: Mapping[str, pa.DataType], missing: Collection[str]
) -> pa.ChunkedArray:
    values = table[column]
    if column not in missing and values.null_count:
        row = rows + values.is_null().to_pylist().index(True) + 1
        raise InputError(f"{name}, column {column}, row {row}: the value is missing")
    safe = not pa.types.is_timestamp(types[column])  # fractions of a second in timestamps are dropped
    try:
        return values.cast(types[column], safe=safe)
    except pa.ArrowException:
        raise InputError(f"{name}, column {column} is of type {values.type}; it should be {types[column]}") from None


def _unreadable(name: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())
    return InputError(f"{name} is no readable Parquet file ({reason:.120}); download it again")
