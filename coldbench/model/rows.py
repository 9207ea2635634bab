"""Rows of a log, and of its users, items and contexts, as tensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """Rows of one side: users, items or the contexts of interactions.

    Attributes:
        number: (rows,) int32, the number of the user or item; a running number for contexts.
        ids: (rows, columns) int32, in the side's shared vocabulary, where 0 is padding.
        numeric: (rows, fields) float32, scaled to about [0, 1].
        field_of: (columns,) int64, the field that each column of ``ids`` belongs to.
        vocabulary: The number of the side's ids, padding included.
        vectors: (rows, columns) float16, the side's vector fields side by side; None without any.
    """

    number: Tensor
    ids: Tensor
    numeric: Tensor
    field_of: Tensor
    vocabulary: int
    vectors: Tensor | None = None

    @cached_property
    def bags(self) -> Bags:
        """The ids of each field without padding, which makes up most of a multi-valued field."""
        rows, fields = len(self.ids), int(self.field_of[-1]) + 1
        flat = self.ids.flatten()
        places = flat.nonzero().squeeze(1)
        of_place = fields * torch.arange(rows, device=flat.device).unsqueeze(1) + self.field_of
        bag = of_place.flatten().index_select(0, places)
        words, starts = flat.index_select(0, places).long(), _starts(bag, rows * fields)
        return Bags(words, bag, starts)

    @cached_property
    def empty(self) -> Tensor:
        """(rows, fields) float32, the number of empty places of each multi-valued field; 0 for other fields."""
        places = torch.bincount(self.field_of)
        starts = self.bags.starts
        ends = torch.cat([starts[1:], starts.new_tensor([len(self.bags.words)])])
        return ((places - (ends - starts).view(-1, len(places))) * (places > 1)).float()

    @cached_property
    def bags_by_word(self) -> tuple[Tensor, Tensor]:
        """The bags that contain each id, in the order of ids, (words,), and the start of each id's bags, (vocabulary,).

        With them the gradient of a table is one sum in order, which is faster than adding row by row.
        """
        words, bag, _ = self.bags
        return bag.index_select(0, words.argsort(stable=True)), _starts(words, self.vocabulary)


def _starts(values: Tensor, kinds: int) -> Tensor:
    """(kinds,) how many of some values from 0 to ``kinds`` - 1 are smaller than each kind."""
    counts = torch.bincount(values, minlength=kinds)
    return counts.cumsum(0) - counts


class Bags(NamedTuple):
    """The ids of each row's fields, with one bag per row and field.

    Attributes:
        words: (words,) int64 ids without padding.
        bag: (words,) int64, the bag of each id: row * fields + field.
        starts: (rows * fields,) int64, the start of each bag in ``words``.
    """

    words: Tensor
    bag: Tensor
    starts: Tensor


class Interactions(NamedTuple):
    """Columns of the log, each with one entry per row."""

    user: Tensor
    item: Tensor
    click: Tensor
    ids: Tensor
    numeric: Tensor

    def at(self, index: Tensor | slice) -> Interactions:
        """Selects rows: by number, which copies them, or by a slice, which does not."""
        if isinstance(index, slice):
            return Interactions(*(column[index] for column in self))
        return Interactions(*(column.index_select(0, index) for column in self))
