"""A user's own tables, Parquet or CSV: reads and checks columns, and reports problems by file, column and row."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from coldbench.data.files.delimited import explained
from coldbench.data.own.declaration import Column
from coldbench.data.own.problems import Problem, Problems
from coldbench.data.own.vectors import vectors_of_lists
from coldbench.data.prepared import categorical, multi
from coldbench.data.schema import Field, SideName

_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_OFFSET = r"[T ]\d{2}[:\d.,]*(?:Z|[+-]\d{2}(?::?\d{2})?)$"  # the offset from UTC in an ISO 8601 time
_TRUTH = {"0": 0, "1": 1, "false": 0, "true": 1}


class OwnTable:
    """The columns of one file.

    Args:
        folder: The folder that contains the file.
        stem: The file's name without ``.parquet`` or ``.csv``.
        columns: The names of the columns that are needed.
        problems: The list to which mistakes are added.
    """

    def __init__(self, folder: Path, stem: str, columns: Iterable[str], problems: Problems) -> None:
        self._problems = problems
        paths = [path for path in (folder / f"{stem}.parquet", folder / f"{stem}.csv") if path.is_file()]
        self.file = paths[0].name if paths else f"{stem}.parquet"
        self._table = pa.table({})
        if len(paths) != 1:
            there = "it is there as .csv too; remove one" if paths else f"neither it nor {stem}.csv is there"
            problems.append(Problem(self.file, there))
            return
        names: list[str] = []
        try:
            names = _header(paths[0])
            if self._complete(names, columns):
                self._table = _read(paths[0], dict.fromkeys(columns))
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            problems.append(
                Problem(self.file, f"it is no readable {paths[0].suffix[1:]}{explained(str(error), names, headers=1)}")
            )

    def _complete(self, names: list[str], columns: Iterable[str]) -> bool:
        before = len(self._problems)
        for name in dict.fromkeys(columns):
            if names.count(name) > 1:
                self._problems.append(Problem(self.file, "it is there twice", name))
            elif name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                there = ", ".join(names[:20]) or "nothing"
                self._problems.append(Problem(self.file, f"there is no such column; {hint}it holds {there:.200}", name))
        return len(self._problems) == before

    def __bool__(self) -> bool:
        return self._table.num_columns > 0

    def __len__(self) -> int:
        return self._table.num_rows

    def ids(self, name: str) -> pd.Series:
        """(rows,) ids, as texts or whole numbers; every row must have one."""
        column = self._table[name]
        if not (pa.types.is_integer(column.type) or _textual(column.type)):
            self._problems.append(
                Problem(self.file, f"ids of type {column.type}; they should be texts or whole numbers", name)
            )
            return pd.Series(np.zeros(len(self), np.int64))
        self._all_there(name)
        return column.to_pandas()

    def distinct(self, name: str, ids: pd.Series) -> None:
        """Checks that no id occurs twice."""
        again = ids.duplicated().to_numpy()
        self._problems.rows(self.file, name, again, lambda row: f"the id {shown(ids.iloc[row])} comes a second time")

    def clicks(self, name: str, least: float | None) -> np.ndarray:
        """(rows,) uint8 labels: 0 and 1 as they are, or 1 for numbers of at least ``least``."""
        if least is not None:
            return (self.numbers(name) >= least).astype(np.uint8)
        self._all_there(name)
        texts = self._texts(name).str.lower()
        found = texts.map(_TRUTH)
        wrong = (found.isna() & texts.notna()).to_numpy()
        self._problems.rows(
            self.file, name, wrong, lambda row: f"{texts.iloc[row]!r:.60} should be 0 or 1 (or set click_from)"
        )
        return found.fillna(0).to_numpy(np.uint8)

    def times(self, name: str) -> np.ndarray:
        """(rows,) int64 times: whole numbers as they are, dates and times as microseconds since 1970."""
        self._all_there(name)
        column = self._table[name]
        if pa.types.is_integer(column.type):
            return pc.fill_null(column, 0).to_numpy().astype(np.int64)
        if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            moments = pd.to_datetime(column.to_pandas(), utc=True)
            return moments.astype("datetime64[us, UTC]").astype(np.int64).to_numpy()
        texts = self._texts(name)
        whole = pd.to_numeric(texts, errors="coerce")
        if (
            (whole.isna() == texts.isna()).all()
            and (whole.abs().dropna() < 2**53).all()
            and (whole.dropna() % 1 == 0).all()
        ):
            return whole.fillna(0).to_numpy(np.int64)
        self._one_clock(name, texts)
        found = pd.to_datetime(texts, errors="coerce", utc=True, format="ISO8601")
        wrong = (found.isna() & texts.notna()).to_numpy()
        what = "should be whole seconds, or a date and time such as 2024-05-31T18:00:00, in every row alike"
        self._problems.rows(self.file, name, wrong, lambda row: f"{texts.iloc[row]!r:.60} {what}")
        filled = found.fillna(pd.Timestamp(0, tz="UTC"))
        return filled.astype("datetime64[us, UTC]").astype(np.int64).to_numpy()

    def _one_clock(self, name: str, texts: pd.Series) -> None:
        """Checks that all times have an offset from UTC or that none has; in a mixture, some would be hours off."""
        offset = texts.str.contains(_OFFSET).fillna(False).to_numpy(bool)
        there = texts.notna().to_numpy()
        if offset.any() and not offset[there].all():
            odd = there & (offset if offset.sum() * 2 <= there.sum() else ~offset)
            has = "has an offset from UTC, and others have none"
            lacks = "has no offset from UTC, and others have one"
            self._problems.rows(
                self.file, name, odd, lambda row: f"{texts.iloc[row]!r:.60} {has if offset[row] else lacks}"
            )

    def numbers(self, name: str) -> np.ndarray:
        """(rows,) float64 numbers; every row must have a finite one."""
        self._all_there(name)
        column = self._table[name]
        if _textual(column.type):
            column = pc.utf8_trim_whitespace(column)
            right = pc.fill_null(pc.match_substring_regex(column, _NUMBER), True)
            wrong = ~right.to_numpy(zero_copy_only=False) if isinstance(right, pa.Array) else ~right.to_numpy()
            self._problems.rows(self.file, name, wrong, lambda row: f"{column[row].as_py()!r:.60} should be a number")
            column = pc.if_else(right, column, "0")
        elif not (
            pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_boolean(column.type)
        ):
            self._problems.append(Problem(self.file, f"it is of type {column.type}; it should be numbers", name))
            return np.zeros(len(self))
        values = pc.fill_null(pc.cast(column, pa.float64(), safe=False), 0).to_numpy()  # large integers lose digits
        wrong = ~(np.abs(values) <= np.finfo(np.float32).max)
        self._problems.rows(self.file, name, wrong, lambda row: f"{values[row]} should be a finite number")
        return values

    def field(self, column: Column, side: SideName, rows: np.ndarray) -> tuple[Field, np.ndarray]:
        """Reads a declared field in the order of ``rows``; missing categorical values share an index of their own."""
        if column.kind == "numeric":
            return Field(column.name, "numeric", side), self.numbers(column.name)[rows].astype(np.float32)
        if column.kind == "vector":
            values = vectors_of_lists(self.file, column.name, self._table[column.name], self._problems)[rows]
            return Field(column.name, "vector", side, width=values.shape[1]), values
        if column.kind == "multi":
            lists = self._lists(column)
            return multi(column.name, side, [lists[row] for row in rows.tolist()], column.width)
        if pa.types.is_nested(self._table[column.name].type):
            self._problems.append(Problem(self.file, "it holds lists; its kind should be multi", column.name))
            return Field(column.name, "categorical", side, 1), np.zeros(len(rows), np.int32)
        return categorical(column.name, side, self._table[column.name].to_pandas().iloc[rows])

    def texts(self, name: str, rows: np.ndarray) -> list[str]:
        """Reads a column of texts in the order of ``rows``; a missing text is empty."""
        return self._texts(name).fillna("").iloc[rows].tolist()

    def _lists(self, column: Column) -> list[list[str]]:
        values = self._table[column.name]
        if any(
            is_one(values.type) for is_one in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
        ):
            return [[str(word) for word in words or () if word is not None] for words in values.to_pylist()]
        texts = self._texts(column.name).fillna("").str.split(column.separator, regex=False)
        return [[word.strip() for word in words if word.strip()] for words in texts]

    def _texts(self, name: str) -> pd.Series:
        """A column's values as texts; if its type cannot be read, all are missing and a problem is added."""
        column = self._table[name]
        try:
            texts = column if _textual(column.type) else pc.cast(column, pa.string())
        except pa.ArrowException:
            self._problems.append(Problem(self.file, f"it is of type {column.type}, which cannot be read here", name))
            texts = pa.nulls(len(column), pa.string())
        return texts.to_pandas().astype("str").str.strip()

    def _all_there(self, name: str) -> None:
        column = self._table[name]
        if column.null_count:
            self._problems.rows(self.file, name, column.is_null().to_numpy(), lambda row: "the value is missing")


def _textual(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def shown(value: Any) -> str:
    """Formats an id for a message: a text in quotes, a number as it is."""
    return f"{value!r:.60}" if isinstance(value, str) else f"{value!s:.60}"


def _plain(table: pa.Table) -> pa.Table:
    """Decodes dictionaries in a table, and makes empty texts missing, as they are in CSV."""
    for place, field in enumerate(table.schema):
        column = table[field.name]
        if pa.types.is_dictionary(field.type):
            column = pc.cast(column, field.type.value_type)
        if _textual(column.type):
            column = pc.if_else(pc.equal(column, ""), None, column)
        if column is not table[field.name]:
            table = table.set_column(place, field.name, column)
    return table


def _header(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        return list(pq.read_schema(path).names)
    with path.open(encoding="utf-8-sig") as file:
        return next(csv.reader([file.readline(100_000)]), [])


def _read(path: Path, columns: Iterable[str]) -> pa.Table:
    """Reads columns; those of a CSV file are read as texts, so that a message can quote a malformed value."""
    if path.suffix == ".parquet":
        return _plain(pq.read_table(path, columns=list(columns)))
    convert = arrow_csv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()),
        include_columns=list(columns),
        null_values=[""],
        strings_can_be_null=True,
    )
    try:
        return arrow_csv.read_csv(path, convert_options=convert)
    except pa.ArrowInvalid:  # read again without threads, since only then does the error name the row
        return arrow_csv.read_csv(path, arrow_csv.ReadOptions(use_threads=False), convert_options=convert)
