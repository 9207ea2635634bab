"""Published CSV files -> typed columns, in parallel and in bounded memory; ids -> places."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from coldbench.core.errors import InputError
from coldbench.data.files.raw import RawFiles

_BLOCK = 2**24  # bytes parsed at once
_LARGEST_ID = 10_000_000  # of any published dataset, with room; more is damage, and would cost memory
_MESSAGE = re.compile(
    r"(?:In CSV column #(\d+): )?(?:CSV [a-z ]+error[^:]*: )?(?:Row #(\d+): )?(?:CSV [a-z ]+error[^:]*: )?(.*)"
)


def read_csv(
    raw: RawFiles,
    name: str,
    types: Mapping[str, pa.DataType],
    missing: Collection[str] = (),
    nulls: Sequence[str] = ("",),
) -> pa.Table:
    """Reads a comma-separated file with a header.

    Args:
        raw: The files.
        name: Which of them.
        types: Of every column, in the file's order.
        missing: Columns that may have missing values.
        nulls: How missing values are written.

    Raises:
        InputError: The header is another, a row is cut off, a value is not of its type, missing or not UTF-8.
    """
    with raw.open(name) as stream:
        header = stream.readline(10_000).decode("utf-8-sig", "replace")
    if [column.strip() for column in header.split(",")] != list(types):
        found = f"begins with {header.rstrip()!r:.80}" if header else "is empty"
        raise InputError(f"{name} {found}; its first line should be {','.join(types)}")
    try:
        table = _parsed(raw, name, types, nulls, threads=True)
    except pa.ArrowInvalid:
        try:  # once more in order: only so the error tells the row
            table = _parsed(raw, name, types, nulls, threads=False)
        except pa.ArrowInvalid as error:
            raise InputError(f"{name}{explained(str(error), list(types), types)}") from None
    for column in types:
        if column not in missing and table[column].null_count:
            row = int(np.argmax(table[column].is_null().to_numpy())) + 1
            raise InputError(f"{name}, column {column}, row {row}: the value is missing")
    return table


def _parsed(
    raw: RawFiles, name: str, types: Mapping[str, pa.DataType], nulls: Sequence[str], threads: bool
) -> pa.Table:
    with raw.open(name) as stream:
        stream.readline()
        return csv.read_csv(
            stream,
            csv.ReadOptions(use_threads=threads, block_size=_BLOCK, column_names=list(types)),
            csv.ParseOptions(delimiter=","),
            csv.ConvertOptions(column_types=dict(types), null_values=list(nulls), strings_can_be_null=True),
        )


def explained(
    message: str, names: Sequence[str], types: Mapping[str, pa.DataType] | None = None, headers: int = 0
) -> str:
    """Arrow's message about a CSV file with the column by its name, to be put behind the file's name.

    Args:
        message: Arrow's.
        names: Of the file's columns.
        types: What the columns should be.
        headers: How many rows before the first one Arrow has counted.
    """
    found = _MESSAGE.match(" ".join(message.split()))
    column, row, reason = found.groups("") if found else ("", "", message)
    name = names[int(column)] if column and int(column) < len(names) else ""
    kind = f" (it should be {types[name]})" if name and types else ""
    return f"{f', column {name}' if name else ''}{f', row {int(row) - headers}' if row else ''}: {reason[:120]}{kind}"


def column(table: pa.Table, name: str) -> np.ndarray:
    """One column as an array; missing numbers are NaN, missing texts None."""
    return table[name].to_numpy()


def codes(table: pa.Table, name: str) -> tuple[list[str], np.ndarray]:
    """A column of few texts, read as a dictionary: its words in sorted order and each row's place among them."""
    whole = table[name].unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    order = pc.array_sort_indices(whole.dictionary).to_numpy()
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return whole.dictionary.take(order).to_pylist(), place[whole.indices.to_numpy()]


def renumbered(where: str, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct ids in sorted order, and each row's place among them, (rows,) int32.

    Raises:
        InputError: An id is negative or larger than those of any published dataset.
    """
    _in_range(where, ids)
    seen = np.zeros(int(ids.max()) + 1, bool)
    seen[ids] = True
    place = np.cumsum(seen, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(seen), place[ids]


def _in_range(where: str, ids: np.ndarray) -> None:
    conform(where, ids, (ids >= 0) & (ids <= _LARGEST_ID), f"an id between 0 and {_LARGEST_ID:,}")


def distinct(where: str, ids: np.ndarray) -> None:
    """Checks that no id comes twice.

    Raises:
        InputError: One does, is negative or larger than those of any published dataset.
    """
    _in_range(where, ids)
    order = np.argsort(ids, kind="stable")
    again = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if len(again):
        row = int(order[again + 1].min())
        raise InputError(f"{where}, row {row + 1}: the id {ids[row]} comes a second time")


def known(where: str, ids: np.ndarray, words: np.ndarray, index: np.ndarray, other: str) -> None:
    """Checks that every id in use has a row of its own in another file.

    Args:
        where: The file and column with the log's ids, for the message.
        ids: The distinct ids of the other file.
        words: The distinct ids of the log.
        index: Each log row's place in ``words``.
        other: The other file's name.

    Raises:
        InputError: An id of the log is none of the file's.
    """
    lacking = ~np.isin(words, ids)
    if lacking.any():
        row = int(np.argmax(lacking[index]))
        raise InputError(f"{where}, row {row + 1}: {other} lacks the id {words[index[row]]}")


def conform(where: str, values: np.ndarray, right: np.ndarray, what: str) -> None:
    """Checks that all values are right.

    Raises:
        InputError: The first that is not, and ``what`` it should be.
    """
    if not right.all():
        row = int(np.argmin(right))
        raise InputError(f"{where}, row {row + 1}: {values[row]} should be {what}")
