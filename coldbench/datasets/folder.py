"""Your own data: a folder with interactions, items and users (Parquet or CSV) and schema.toml (docs/own-data.md)."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd

from coldbench.data import cache
from coldbench.data.contents import select
from coldbench.data.own.declaration import FILE, Declaration, Part, read_declaration
from coldbench.data.own.problems import Problems
from coldbench.data.own.tables import OwnTable, shown
from coldbench.data.own.vectors import vectors_of_npz
from coldbench.data.ties import shuffled_ties
from coldbench.plugin import (
    Contents,
    Dataset,
    Field,
    InputError,
    Prepared,
    Range,
    RawFiles,
    SideName,
    Source,
    Step,
    categorical,
)

_VERSION = "2"
_FILES = ("interactions", "items", "users")


@dataclass(frozen=True)
class Config(Contents):
    """A split that replaces the one in schema.toml, and the side information of items."""

    n: Annotated[int, Range(0, 1_000_000)] = 0  # items with more interactions are old; 0: as schema.toml says
    k: Annotated[int, Range(0, 1_000_000)] = (
        0  # interactions of a new item in each warm-up phase; 0: as schema.toml says
    )
    path: str = field(default="", compare=False)  # the folder's path, which is not part of the data's identity


class Folder(Source):
    """A folder with the user's own data, named by its path."""

    key = "folder"
    by_name = False
    label_rule = (
        "As schema.toml says: the column interactions.click, from interactions.click_from on where it is given."
    )

    @classmethod
    def recognise(cls, text: str) -> dict[str, str] | None:
        """Recognises a text with a path separator, or the name of a folder, as a path."""
        return {"path": text} if os.sep in text or Path(text).is_dir() else None

    def load(self, config: Config, data_dir: Path | None = None) -> Dataset:
        """Loads the dataset from the cache, or reads and checks the folder first.

        Raises:
            InputError: The folder has a problem; the message names the first.
        """
        declared, fingerprint, prepared = self._read(config, cached=True)
        prepared, fingerprint = select(prepared, config, self.key, fingerprint, config.path)
        return prepared.dataset(self.key, fingerprint, config.n or declared.n, config.k or declared.k)

    def reread(self, config: Config, data_dir: Path | None = None) -> tuple[str, Prepared]:
        """Reads the folder again."""
        _, fingerprint, prepared = self._read(config, cached=False)
        return fingerprint, prepared

    def _read(self, config: Config, cached: bool) -> tuple[Declaration, str, Prepared]:
        if not config.path:
            raise InputError("your own data is named by its folder: --datasets path/to/folder")
        path = Path(config.path)
        problems = Problems()
        declared = _declared(path, problems)
        if declared is not None:
            raw = RawFiles(path)
            files = [name for part in _FILES for name in (f"{part}.parquet", f"{part}.csv") if name in raw]
            files += [name for name in declared.files if name in raw]
            fingerprint = raw.fingerprint(files, f"{self.key} {_VERSION} {declared.content} {' '.join(files)}")
            prepared = cache.load(self.key, fingerprint, _VERSION) if cached else None
            if prepared is None and (prepared := _prepared(path, declared, problems)) is not None:
                cache.store(self.key, fingerprint, _VERSION, prepared)
            if prepared is not None:
                return declared, fingerprint, replace(prepared, label=declared.label)
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
    users = _side(path, log, declared.user, sides["users"], declared.users, "user", problems)
    items = _side(path, log, declared.item, sides["items"], declared.items, "item", problems)
    if problems:
        return None
    interactions |= {"user": users.place, "item": items.place}
    order = shuffled_ties(users.ids, items.ids, interactions)
    interactions = {name: values[order] for name, values in interactions.items()}
    columns = [(field, values[order]) for field, values in columns]
    user_id = categorical("user_id", "user", pd.Series(np.arange(len(users.ids))))
    every = [user_id, *users.columns, *items.columns, *columns]
    notes = (*users.notes, *items.notes)
    steps = [Step(f"{log.file}, interactions", len(log), len(log))]
    for side, table in ((users, sides["users"]), (items, sides["items"])):
        if table:
            steps.append(Step(f"{table.file}; rows that are not in the log are left out", len(table), len(side.ids)))
    counts = len(users.ids), len(items.ids)
    return Prepared.of(declared.label, *counts, every, interactions, notes, items.texts, steps)


def _table(path: Path, stem: str, part: Part | None, problems: Problems) -> OwnTable | None:
    return OwnTable(path, stem, part.columns, problems) if part else None


class _Side(NamedTuple):
    """The users or the items of the log.

    Attributes:
        ids: Their distinct ids, sorted.
        place: (rows,) int32, each log row's place among them.
        columns: Their fields with the values.
        notes: Remarks on their vectors.
        texts: Their raw texts by column.
    """

    ids: pd.Index
    place: np.ndarray
    columns: list[tuple[Field, np.ndarray]]
    notes: list[str]
    texts: dict[str, list[str]]


def _side(
    path: Path,
    log: OwnTable,
    column: str,
    table: OwnTable | None,
    part: Part | None,
    side: SideName,
    problems: Problems,
) -> _Side:
    """Reads the users or items in the log and what is known about them.

    A file that could not be read is skipped, so that the problems in the other files are still found.
    """
    used = log.ids(column) if log else pd.Series([], dtype="int64")
    codes, words = used.factorize(sort=True)
    found = _Side(pd.Index(words), codes.astype(np.int32), [], [], {})
    if not table or part is None:
        return found
    ids, index = table.ids(part.id), found.ids
    table.distinct(part.id, ids)
    ids = ids.drop_duplicates()
    if pd.api.types.is_integer_dtype(ids.dtype) != pd.api.types.is_integer_dtype(index.dtype):
        ids, index = ids.astype("str"), index.astype("str")
    rows = pd.Index(ids).get_indexer(index)
    lacking = np.append(rows < 0, False)[codes]  # the last place is for missing ids, which are already reported
    problems.rows(log.file, column, lacking, lambda row: f"{table.file} lacks the id {shown(used.iloc[row])}")
    there = rows[rows >= 0]
    for declared in part.fields:
        if declared.file:
            values, notes = vectors_of_npz(path / declared.file, index, problems)
            found.notes.extend(notes)
            field = Field(declared.name, "vector", side, width=values.shape[1])
        else:
            field, values = table.field(declared, side, there)
        found.columns.append((field, values))
        without = len(values) - int(values.any(1).sum()) if declared.kind == "vector" else 0
        if without:
            found.notes.append(f"{declared.name}: {without:,} of {len(values):,} {side}s have no vector, and get zeros")
    found.texts.update({name: table.texts(name, there) for name in part.texts})
    return found
