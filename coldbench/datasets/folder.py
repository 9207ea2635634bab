"""Your own data: a folder with interactions, items and users (Parquet or CSV) and schema.toml (docs/own-data.md)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd

from coldbench.data import cache
from coldbench.data.own.declaration import FILE, Declaration, Part, read_declaration
from coldbench.data.own.problems import Problems
from coldbench.data.own.tables import OwnTable, shown
from coldbench.data.ties import shuffled_ties
from coldbench.plugin import (
    Dataset,
    Field,
    InputError,
    Prepared,
    Range,
    RawFiles,
    SideName,
    Source,
    categorical,
)

_VERSION = "2"
_FILES = ("interactions", "items", "users")


@dataclass(frozen=True)
class Config:
    """A split that replaces the one in schema.toml."""

    n: Annotated[int, Range(0, 1_000_000)] = 0  # items with more interactions are old; 0: as schema.toml says
    k: Annotated[int, Range(0, 1_000_000)] = (
        0  # interactions of a new item in each warm-up phase; 0: as schema.toml says
    )
    path: str = field(default="", compare=False)  # the folder's path, which is not part of the data's identity


class Folder(Source):
    """A folder with the user's own data, named by its path."""

    key = "folder"
    by_name = False

    @classmethod
    def recognise(cls, text: str) -> dict[str, str] | None:
        """Recognises a text with a path separator, or the name of a folder, as a path."""
        return {"path": text} if os.sep in text or Path(text).is_dir() else None

    def load(self, config: Config, data_dir: Path | None = None) -> Dataset:
        """Loads the dataset from the cache, or reads and checks the folder first.

        Raises:
            InputError: The folder has a problem; the message names the first.
        """
        if not config.path:
            raise InputError("your own data is named by its folder: --datasets path/to/folder")
        path = Path(config.path)
        problems = Problems()
        declared = _declared(path, problems)
        if declared is not None:
            raw = RawFiles(path)
            files = [name for part in _FILES for name in (f"{part}.parquet", f"{part}.csv") if name in raw]
            fingerprint = raw.fingerprint(files, f"{self.key} {_VERSION} {declared.content} {' '.join(files)}")
            prepared = cache.load(self.key, fingerprint, _VERSION)
            if prepared is None and (prepared := _prepared(path, declared, problems)) is not None:
                cache.store(self.key, fingerprint, _VERSION, prepared)
            if prepared is not None:
                prepared = replace(prepared, label=declared.label)
                return prepared.dataset(self.key, fingerprint, config.n or declared.n, config.k or declared.k)
        more = f" (and {len(problems) - 1} more: coldbench data check {path})" if len(problems) > 1 else ""
        raise InputError(f"{path}: {problems[0]}{more}")


def check(path: Path) -> Problems:
    """Finds all problems of a folder; raises InputError if the folder does not exist."""
    problems = Problems()
    declared = _declared(path, problems)
    if declared is not None:
        _prepared(path, declared, problems)
    return problems


def _declared(path: Path, problems: Problems) -> Declaration | None:
    if not path.is_dir():
        raise InputError(f"{path} is no folder; your own data is a folder with {FILE} (docs/own-data.md)")
    return read_declaration(path, problems)


def _prepared(path: Path, declared: Declaration, problems: Problems) -> Prepared | None:
    """Reads all columns; returns None if any file has a problem."""
    context = [column.name for column in declared.context]
    log = OwnTable(
        path, "interactions", [declared.user, declared.item, declared.click, declared.time, *context], problems
    )
    sides = {
        name: _table(path, name, part, problems)
        for name, part in (("users", declared.users), ("items", declared.items))
    }
    interactions: dict[str, np.ndarray] = {}
    columns: list[tuple[Field, np.ndarray]] = []
    if log:
        interactions = {"click": log.clicks(declared.click, declared.click_from), "time": log.times(declared.time)}
        columns = [log.field(column, "context", np.arange(len(log))) for column in declared.context]
    users, user_columns = _side(log, declared.user, sides["users"], declared.users, "user", problems)
    items, item_columns = _side(log, declared.item, sides["items"], declared.items, "item", problems)
    if problems:
        return None
    ids, interactions["user"] = users
    item_ids, interactions["item"] = items
    order = shuffled_ties(ids, item_ids, interactions)
    interactions = {name: values[order] for name, values in interactions.items()}
    columns = [(field, values[order]) for field, values in columns]
    user_columns.insert(0, categorical("user_id", "user", pd.Series(np.arange(len(ids)))))
    every = [*user_columns, *item_columns, *columns]
    return Prepared.of(declared.label, len(ids), len(item_ids), every, interactions)


def _table(path: Path, stem: str, part: Part | None, problems: Problems) -> OwnTable | None:
    return OwnTable(path, stem, [part.id, *(column.name for column in part.fields)], problems) if part else None


def _side(
    log: OwnTable, column: str, table: OwnTable | None, part: Part | None, side: SideName, problems: Problems
) -> tuple[tuple[pd.Index, np.ndarray], list[tuple[Field, np.ndarray]]]:
    """Reads the users or items in the log, each log row's place among them, and their fields.

    A file that could not be read is skipped, so that the problems in the other files are still found.
    """
    used = log.ids(column) if log else pd.Series([], dtype="int64")
    codes, words = used.factorize(sort=True)
    index = pd.Index(words)
    if not table or part is None:
        return (index, codes.astype(np.int32)), []
    ids = table.ids(part.id)
    table.distinct(part.id, ids)
    ids = ids.drop_duplicates()
    if pd.api.types.is_integer_dtype(ids.dtype) != pd.api.types.is_integer_dtype(index.dtype):
        ids, index = ids.astype("str"), index.astype("str")
    rows = pd.Index(ids).get_indexer(index)
    lacking = np.append(rows < 0, False)[codes]  # the last place is for missing ids, which are already reported
    problems.rows(log.file, column, lacking, lambda row: f"{table.file} lacks the id {shown(used.iloc[row])}")
    there = rows[rows >= 0]
    return (index, codes.astype(np.int32)), [table.field(declared, side, there) for declared in part.fields]
