"""``Dataset``: interactions, users and items as arrays that workers share without copying."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coldbench.data.schema import DERIVED, Schema, SideName


@dataclass(frozen=True)
class Table:
    """The rows of one side: users, items or contexts.

    Attributes:
        ids: (rows, columns) int32, in the side's shared vocabulary (see ``Side.ids``).
        numeric: (rows, fields) float32, unscaled, without the fields that the protocol derives.
        vectors: (rows, columns) float16, the vector fields side by side, each of length 1 or 0; None without any.
    """

    ids: np.ndarray
    numeric: np.ndarray
    vectors: np.ndarray | None = None

    @classmethod
    def build(cls, schema: Schema, side: SideName, values: dict[str, np.ndarray], rows: int) -> Table:
        """Builds one side's table from its columns, with values as in ``Side.ids``."""
        layout = schema.side(side)
        numeric = [values[field.name] for field in layout.numeric if field.name not in DERIVED]
        stacked = np.stack(numeric, 1).astype(np.float32) if numeric else np.zeros((rows, 0), np.float32)
        vectors = [values[field.name].astype(np.float16, copy=False) for field in layout.vectors]
        joined = np.concatenate(vectors, 1) if len(vectors) > 1 else vectors[0] if vectors else None
        return cls(layout.ids(values, rows), stacked, joined)


@dataclass(frozen=True)
class Dataset:
    """A log of interactions with its users and items.

    Attributes:
        name: The registered name, such as ``ml-1m``.
        label: The name in tables, such as ``MovieLens-1M``.
        fingerprint: SHA-256 of the raw content and of the version of the code that prepared it.
        schema: The fields.
        users: One row per user.
        items: One row per item.
        context: One row per interaction.
        user: (rows,) int32, index into ``users``.
        item: (rows,) int32, index into ``items``.
        click: (rows,) uint8, 1 where the user clicked.
        time: (rows,) int64, in seconds; ties are ordered by row.
        n: Items with more than ``n`` interactions are old.
        k: Interactions of a new item in each warm-up phase.
        notes: Differences between the raw files and the published ones.
    """

    name: str
    label: str
    fingerprint: str
    schema: Schema
    users: Table
    items: Table
    context: Table
    user: np.ndarray
    item: np.ndarray
    click: np.ndarray
    time: np.ndarray
    n: int
    k: int
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """The number of interactions."""
        return len(self.item)
