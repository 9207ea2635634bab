"""The fields of a dataset: names, kinds, sides, vocabulary sizes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

Kind = Literal["categorical", "multi", "numeric", "vector"]
SideName = Literal["user", "item", "context"]

COUNT = "count"  # item side: the item's number of interactions, as far as the protocol reveals it
TIME = "time"  # context: the time of the interaction
DERIVED = (COUNT, TIME)  # numeric fields that the protocol fills instead of the dataset


@dataclass(frozen=True)
class Field:
    """One field of a user, an item or an interaction.

    Attributes:
        name: The column's name.
        kind: ``categorical`` (one of ``size`` values), ``multi`` (up to ``width`` of ``size``
            values, the rest padding), ``numeric`` or ``vector`` (``width`` numbers, such as an embedding of a text or
            an image; of users and items only).
        side: The side that the field belongs to.
        size: The number of values, without padding; 0 for numeric fields and vectors.
        width: The number of columns; 1 unless ``multi`` or ``vector``.
    """

    name: str
    kind: Kind
    side: SideName
    size: int = 0
    width: int = 1


@dataclass(frozen=True)
class Side:
    """The fields of one side, laid out as one matrix of ids over a shared vocabulary.

    Id 0 is padding and embeds to zero; it is not a value of any field. The values of
    the first field follow, then those of the second, and so on.
    """

    fields: tuple[Field, ...]

    @cached_property
    def tokens(self) -> tuple[Field, ...]:
        """The categorical and multi-valued fields, in the order of their columns."""
        return tuple(field for field in self.fields if field.kind in ("categorical", "multi"))

    @cached_property
    def numeric(self) -> tuple[Field, ...]:
        """The numeric fields, in the order of their columns."""
        return tuple(field for field in self.fields if field.kind == "numeric")

    @cached_property
    def vectors(self) -> tuple[Field, ...]:
        """The vector fields, in the order of their columns."""
        return tuple(field for field in self.fields if field.kind == "vector")

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """The columns of each token field in the matrix of ids."""
        ends = np.cumsum([0, *(field.width for field in self.tokens)])
        return tuple(slice(int(a), int(b)) for a, b in itertools.pairwise(ends))

    @cached_property
    def field_of(self) -> np.ndarray:
        """(columns,) int64: the number of the token field that each column belongs to."""
        return np.repeat(np.arange(len(self.tokens)), [field.width for field in self.tokens])

    @cached_property
    def vocabulary(self) -> int:
        """The number of ids, padding included."""
        return 1 + sum(field.size for field in self.tokens)

    def ids(self, values: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
        """Converts the fields' own values to ids of the shared vocabulary.

        Args:
            values: Values by field name: (rows,) in [0, size) for a categorical field, and
                (rows, width) in [0, size] for a multi-valued one, where 0 is padding.
            rows: The number of rows, which a side without fields needs.

        Returns:
            (rows, columns) int32 ids.
        """
        matrix = np.empty((rows, sum(field.width for field in self.tokens)), np.int32)
        offset = 0
        for field, columns in zip(self.tokens, self.columns, strict=True):
            value = values[field.name].reshape(rows, field.width)
            if field.kind == "categorical":
                np.add(value, offset + 1, out=matrix[:, columns])  # in place: a log has tens of millions of rows
            else:
                matrix[:, columns] = np.where(value > 0, value + offset, 0)
            offset += field.size
        return matrix


@dataclass(frozen=True)
class Schema:
    """The numbers of users and items of a dataset, and all its fields.

    The item ID is not a field: its embedding is the backbone's ``item_table``. The user ID
    is a categorical field of the user side.
    """

    users: int
    items: int
    fields: tuple[Field, ...]

    def side(self, name: SideName) -> Side:
        """All fields of one side."""
        return Side(tuple(field for field in self.fields if field.side == name))
