"""``Prepared``: the columns that a source reads from its raw files, with helpers that every source needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from coldbench.core.errors import printable
from coldbench.data.dataset import Dataset, Table
from coldbench.data.schema import COUNT, TIME, Field, Schema, SideName


class Step(NamedTuple):
    """One step of reading: the rows that went in and those that were kept."""

    what: str  # what was read, and by which rule rows were left out
    rows: int
    kept: int


@dataclass(frozen=True)
class Prepared:
    """The columns of each side, with the values that ``Side.ids`` takes.

    Attributes:
        label: The data's name in tables.
        schema: The fields.
        users: (users,) or (users, width) values by field name.
        items: (items,) or (items, width) values by field name.
        interactions: ``user``, ``item``, ``click``, ``time`` and the context fields, each with one value per log row.
        notes: Remarks on the raw files for ``coldbench data info``.
        texts: (items,) raw texts of the items by name, for ``coldbench data embed``; not kept in the cache.
        steps: What reading the raw files left out, for ``coldbench data card``; not kept in the cache.
    """

    label: str
    schema: Schema
    users: dict[str, np.ndarray]
    items: dict[str, np.ndarray]
    interactions: dict[str, np.ndarray]
    notes: tuple[str, ...] = field(default=())
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()

    @classmethod
    def of(
        cls,
        label: str,
        users: int,
        items: int,
        columns: Sequence[tuple[Field, np.ndarray]],
        log: dict[str, np.ndarray],
        notes: tuple[str, ...] = (),
        texts: Mapping[str, Sequence[str]] | None = None,
        steps: Sequence[Step] = (),
    ) -> Prepared:
        """Assigns each column to its field's side, and adds the fields that the protocol fills.

        Args:
            label: The data's name in tables.
            users: The number of users.
            items: The number of items.
            columns: The fields with their values, in the order of the schema.
            log: ``user``, ``item``, ``click`` and ``time``.
            notes: Remarks on the raw files for ``coldbench data info``.
            texts: (items,) raw texts of the items by name.
            steps: What reading the raw files left out.
        """
        sides: dict[SideName, dict[str, np.ndarray]] = {"user": {}, "item": {}, "context": {}}
        for one, values in columns:
            sides[one.side][one.name] = values
        derived = (Field(COUNT, "numeric", "item"), Field(TIME, "numeric", "context"))
        schema = Schema(users, items, (*(one for one, _ in columns), *derived))
        return cls(
            label, schema, sides["user"], sides["item"], log | sides["context"], notes, texts or {}, tuple(steps)
        )

    def dataset(self, name: str, fingerprint: str, n: int, k: int) -> Dataset:
        """Converts the columns to the arrays that training reads."""
        log = self.interactions
        sides: dict[SideName, tuple[dict[str, np.ndarray], int]] = {
            "user": (self.users, self.schema.users),
            "item": (self.items, self.schema.items),
            "context": (log, len(log["item"])),
        }
        users, items, context = (Table.build(self.schema, side, *columns) for side, columns in sides.items())
        return Dataset(
            name=name,
            label=printable(self.label),
            fingerprint=fingerprint,
            schema=self.schema,
            users=users,
            items=items,
            context=context,
            user=log["user"],
            item=log["item"],
            click=log["click"],
            time=log["time"],
            n=n,
            k=k,
            notes=self.notes,
        )


def categorical(name: str, side: SideName, values: pd.Series) -> tuple[Field, np.ndarray]:
    """Numbers a column's values in sorted order; missing values share one further index, the last."""
    codes, words = values.factorize(sort=True)
    missing = codes < 0
    size = len(words) + int(missing.any())
    return Field(name, "categorical", side, size), np.where(missing, len(words), codes).astype(np.int32)


def multi(name: str, side: SideName, lists: Sequence[Sequence[str]], width: int) -> tuple[Field, np.ndarray]:
    """Numbers the words of a multi-valued column in sorted order, from 1; 0 is padding.

    Words beyond ``width`` are dropped and do not enter the vocabulary either.
    """
    kept = [words[:width] for words in lists]
    vocabulary = {word: number for number, word in enumerate(sorted({w for words in kept for w in words}), 1)}
    values = np.zeros((len(kept), width), np.int32)
    for row, words in enumerate(kept):
        values[row, : len(words)] = [vocabulary[word] for word in words]
    return Field(name, "multi", side, len(vocabulary), width), values
