"""Published delimited files -> typed columns, parsed in parallel and in bounded memory."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from coldbench.core.cores import usable_cores
from coldbench.core.errors import InputError
from coldbench.data.files.raw import RawFiles

T = TypeVar("T")
R = TypeVar("R")

_BLOCK = 2**24  # bytes parsed at once
_WORKERS = min(usable_cores(), 4)  # blocks parsed side by side
_MESSAGE = re.compile(
    r"(?:In CSV column #(\d+): )?(?:CSV [a-z ]+error[^:]*: )?(?:Row #(\d+): )?(?:CSV [a-z ]+error[^:]*: )?(.*)"
)


@dataclass(frozen=True)
class Format:
    """The layout of a delimited file.

    Attributes:
        delimiter: The separator between values; it may have several characters if the file contains no tabs.
        header: Whether the first line names the columns.
        quoted: Whether values may be in double quotes.
        ended: Whether the last row must end with a line break; if the number of rows is not known, a last row without
            one shows that the file was truncated.
    """

    delimiter: str = ","
    header: bool = True
    quoted: bool = True
    ended: bool = False


CSV = Format()
LATEST = Format(ended=True)  # GroupLens' bundles of varying size
TSV = Format("\t", header=False, quoted=False, ended=True)
DAT = Format(
    "::", header=False, quoted=False, ended=True
)  # MovieTweetings, in the layout of the first MovieLens datasets


def read_csv(
    raw: RawFiles,
    name: str,
    types: Mapping[str, pa.DataType],
    missing: Collection[str] = (),
    nulls: Sequence[str] = ("",),
    form: Format = CSV,
) -> pa.Table:
    """Reads a whole delimited file.

    Args:
        raw: The raw files.
        name: The name of the file to read.
        types: The type of every column, in the file's order.
        missing: Columns that may have missing values.
        nulls: The texts that stand for missing values.
        form: The file's layout.

    Raises:
        InputError: The header differs, a row is truncated, or a value is missing, of another type or not UTF-8.
    """
    blocks = list(read_blocks(raw, name, types, missing, nulls, form))
    return pa.concat_tables(blocks) if blocks else pa.schema(list(types.items())).empty_table()


def read_blocks(
    raw: RawFiles,
    name: str,
    types: Mapping[str, pa.DataType],
    missing: Collection[str] = (),
    nulls: Sequence[str] = ("",),
    form: Format = CSV,
    columns: Sequence[str] = (),
) -> Iterator[pa.Table]:
    """Reads a delimited file in blocks of whole rows, which are parsed in parallel and yielded in the file's order.

    Each block is passed to Arrow in Arrow's own memory. The stream itself must not be: one of Arrow's threads may still
    hold it when the interpreter shuts down after an error, and freeing a Python object then crashes the process.

    Args:
        raw: The raw files.
        name: The name of the file to read.
        types: The type of every column, in the file's order.
        missing: Columns that may have missing values.
        nulls: The texts that stand for missing values.
        form: The file's layout.
        columns: The names of the columns that are needed; empty for all.

    Raises:
        InputError: The header differs, a row is truncated, or a value is missing, of another type or not UTF-8.
    """
    wanted = list(columns or types)
    options = {
        "parse_options": csv.ParseOptions(
            delimiter=form.delimiter if len(form.delimiter) == 1 else "\t", quote_char='"' if form.quoted else False
        ),
        "convert_options": csv.ConvertOptions(
            column_types=dict(types), null_values=list(nulls), strings_can_be_null=True, include_columns=wanted
        ),
    }
    rows = 0
    with raw.open(name) as stream, ThreadPoolExecutor(_WORKERS) as pool:
        _check_header(stream, name, types, form)
        try:
            blocks = _blocks(stream, name, form)
            for result in _ahead(pool, lambda block: _parsed(block, list(types), options), blocks):
                try:
                    table = result.result()
                except pa.ArrowInvalid as error:
                    raise InputError(f"{name}{explained(str(error), list(types), types, -rows)}") from None
                for column in wanted:
                    if column not in missing and table[column].null_count:
                        row = rows + int(np.argmax(table[column].is_null().to_numpy())) + 1
                        raise InputError(f"{name}, column {column}, row {row}: the value is missing")
                rows += table.num_rows
                yield table
        finally:
            pool.shutdown(cancel_futures=True)


def _check_header(stream: IO[bytes], name: str, types: Mapping[str, pa.DataType], form: Format) -> None:
    if not form.header:
        return
    header = stream.readline(10_000).decode("utf-8-sig", "replace")
    if [column.strip() for column in header.split(form.delimiter)] != list(types):
        found = f"begins with {header.rstrip()!r:.80}" if header else "is empty"
        raise InputError(f"{name} {found}; its first line should be {form.delimiter.join(types)}")


def _blocks(stream: IO[bytes], name: str, form: Format) -> Iterator[pa.Buffer]:
    """Yields the file's content in blocks of whole lines, in Arrow's memory."""
    rest = b""
    while piece := stream.read(_BLOCK):
        end = piece.rfind(b"\n") + 1
        if not end:
            if len(rest) > _BLOCK:
                raise InputError(f"{name} has a line of more than {_BLOCK:,} bytes; that is no published file")
            rest += piece
            continue
        yield _buffer(name, rest + piece[:end], form)
        rest = piece[end:]
    if rest.strip():
        if form.ended:
            raise InputError(f"{name} ends within a row, {rest[-40:].decode(errors='replace')!r}: it is truncated")
        yield _buffer(name, rest, form)


def _buffer(name: str, content: bytes, form: Format) -> pa.Buffer:
    if len(form.delimiter) > 1:
        if b"\t" in content:
            raise InputError(f"{name} has tabs in it; the published file has none")
        content = content.replace(form.delimiter.encode(), b"\t")
    buffer = pa.allocate_buffer(len(content))
    memoryview(buffer).cast("B")[:] = content
    return buffer


def _parsed(block: pa.Buffer, names: list[str], options: dict[str, Any]) -> pa.Table:
    """Parses one block in one piece without threads, so that an error names its row."""
    how = csv.ReadOptions(use_threads=False, block_size=block.size + 1, column_names=names)
    return csv.read_csv(pa.BufferReader(block), how, **options)


def _ahead(pool: Executor, work: Callable[[T], R], things: Iterable[T]) -> Iterator[Future[R]]:
    """Yields results in order while the next few are being computed."""
    pending: deque[Future[R]] = deque()
    for thing in things:
        pending.append(pool.submit(work, thing))
        if len(pending) > _WORKERS:
            yield pending.popleft()
    yield from pending


def explained(
    message: str, names: Sequence[str], types: Mapping[str, pa.DataType] | None = None, headers: int = 0
) -> str:
    """Rewords Arrow's message about a CSV file with the column's name, to follow the file's name.

    Args:
        message: Arrow's message.
        names: The names of the file's columns.
        types: The expected types of the columns.
        headers: The number of rows that Arrow has counted before the first one.
    """
    found = _MESSAGE.match(" ".join(message.split()))
    column, row, reason = found.groups("") if found else ("", "", message)
    name = names[int(column)] if column and int(column) < len(names) else ""
    kind = f" (it should be {types[name]})" if name and types else ""
    return f"{f', column {name}' if name else ''}{f', row {int(row) - headers}' if row else ''}: {reason[:120]}{kind}"


def column(table: pa.Table, name: str) -> np.ndarray:
    """One column as a (rows,) array; missing numbers are NaN, missing texts None."""
    return table[name].to_numpy()


def codes(table: pa.Table, name: str) -> tuple[list[str], np.ndarray]:
    """The sorted distinct texts of a dictionary column, and (rows,) int32 places among them."""
    whole = table[name].unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    order = pc.array_sort_indices(whole.dictionary).to_numpy()
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return whole.dictionary.take(order).to_pylist(), place[whole.indices.to_numpy()]
