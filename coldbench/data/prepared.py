"""``Prepared``: what a source makes of its raw files; the helpers that every source needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from coldbench.core.errors import printable
from coldbench.data.dataset import Dataset, Table
from coldbench.data.schema import COUNT, TIME, Field, Schema, SideName


@dataclass(frozen=True)
class Prepared:
    """Columns per side, with the values that ``Side.ids`` takes.

    Attributes:
        label: What tables call the data.
        schema: The fields.
        users: Field name to (users,) or (users, width) values.
        items: Field name to (items,) or (items, width) values.
        interactions: ``user``, ``item``, ``click``, ``time`` and the context fields, per row of the log.
        notes: What a reader of ``coldbench data info`` should know of the raw files.
    """

    label: str
    schema: Schema
    users: dict[str, np.ndarray]
    items: dict[str, np.ndarray]
    interactions: dict[str, np.ndarray]
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(
        cls,
        label: str,
        users: int,
        items: int,
        columns: Sequence[tuple[Field, np.ndarray]],
        log: dict[str, np.ndarray],
        notes: tuple[str, ...] = (),
    ) -> Prepared:
        """Puts each column where its field's side says, and adds the fields that the protocol fills.

        Args:
            label: What tables call the data.
            users: The number of users.
            items: The number of items.
            columns: The fields with their values, in the order that the schema is to have.
            log: ``user``, ``item``, ``click`` and ``time``.
            notes: What a reader of ``coldbench data info`` should know of the raw files.
        """
        sides: dict[SideName, dict[str, np.ndarray]] = {"user": {}, "item": {}, "context": {}}
        for one, values in columns:
            sides[one.side][one.name] = values
        derived = (Field(COUNT, "numeric", "item"), Field(TIME, "numeric", "context"))
        schema = Schema(users, items, (*(one for one, _ in columns), *derived))
        return cls(label, schema, sides["user"], sides["item"], log | sides["context"], notes)

    def dataset(self, name: str, fingerprint: str, n: int, k: int) -> Dataset:
        """Lays the columns out as the arrays that training reads."""
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
    """Numbers a column's values in sorted order; missing values get an index of their own, the last."""
    codes, words = values.factorize(sort=True)
    missing = codes < 0
    size = len(words) + int(missing.any())
    return Field(name, "categorical", side, size), np.where(missing, len(words), codes).astype(np.int32)


def multi(name: str, side: SideName, lists: Sequence[Sequence[str]], width: int) -> tuple[Field, np.ndarray]:
    """Numbers the words of a multi-valued column in sorted order, from 1; 0 is padding.

    Words past ``width`` are left out, and are no part of the vocabulary either.
    """
    kept = [words[:width] for words in lists]
    vocabulary = {word: number for number, word in enumerate(sorted({w for words in kept for w in words}), 1)}
    values = np.zeros((len(kept), width), np.int32)
    for row, words in enumerate(kept):
        values[row, : len(words)] = [vocabulary[word] for word in words]
    return Field(name, "multi", side, len(vocabulary), width), values
