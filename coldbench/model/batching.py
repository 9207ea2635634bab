"""A split part -> shuffled device batches, without a Python step per row."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from coldbench.data.dataset import Dataset
from coldbench.data.schema import COUNT, TIME, SideName


@dataclass(frozen=True)
class Rows:
    """Rows of one side: users, items, or the context of interactions.

    Attributes:
        number: (rows,) int32, which user or item; a running number for contexts.
        ids: (rows, columns) int32, in the side's shared vocabulary, 0 is padding.
        numeric: (rows, fields) float32, scaled to about [0, 1].
        field_of: (columns,) int64, the field that each column of ``ids`` belongs to.
        vocabulary: The number of the side's ids, padding included.
    """

    number: Tensor
    ids: Tensor
    numeric: Tensor
    field_of: Tensor
    vocabulary: int

    @cached_property
    def bags(self) -> Bags:
        """The rows without their padding, which is most of a multi-valued field."""
        fields = int(self.field_of[-1]) + 1
        flat = self.ids.flatten()
        places = flat.nonzero().squeeze(1)
        columns = len(self.field_of)
        bag = places // columns * fields + self.field_of.index_select(0, places % columns)
        words = flat.index_select(0, places).long()
        starts = torch.searchsorted(bag, torch.arange(len(self.ids) * fields, device=bag.device))
        return Bags(words, bag, starts)

    @cached_property
    def empty(self) -> Tensor:
        """The places that each multi-valued field leaves empty, (rows, fields) float32; 0 for other fields."""
        places = torch.bincount(self.field_of)
        starts = self.bags.starts
        ends = torch.cat([starts[1:], starts.new_tensor([len(self.bags.words)])])
        return ((places - (ends - starts).view(-1, len(places))) * (places > 1)).float()

    @cached_property
    def bags_by_word(self) -> tuple[Tensor, Tensor]:
        """The bags that each id lies in, in the order of ids, (words,), and where each id's begin, (vocabulary,).

        The gradient of a table is so one sum in order, faster than adding row by row.
        """
        words, bag, _ = self.bags
        order = words.argsort(stable=True)
        ids = torch.arange(self.vocabulary, device=bag.device)
        return bag.index_select(0, order), torch.searchsorted(words.index_select(0, order), ids)


class Bags(NamedTuple):
    """The ids of each row's fields, one bag a row and field.

    Attributes:
        words: (words,) int64 ids, none of them padding.
        bag: (words,) int64, row * fields + field.
        starts: (rows * fields,) int64, where each bag begins in ``words``.
    """

    words: Tensor
    bag: Tensor
    starts: Tensor


class View:
    """What a phase may know of the users and items, as tensors on one device.

    Numeric fields are min-max scaled and ``count`` is filled in, both from the rows in ``seen``.

    Args:
        dataset: The whole log.
        seen: Row numbers that counts and scalings may use.
        device: Where the tensors live.
        strict: Whether the words of users and items, and their numbers' ranges, come from the seen rows' users and
            items as well; a word that none of them has is padding.
    """

    def __init__(self, dataset: Dataset, seen: np.ndarray | slice, device: torch.device, strict: bool = False) -> None:
        self.dataset = dataset
        self.device = device
        sides: tuple[SideName, ...] = ("user", "item", "context")
        layouts = {side: dataset.schema.side(side) for side in sides}
        self._layout = {side: (self.tensor(layout.field_of), layout.vocabulary) for side, layout in layouts.items()}
        counts = np.bincount(dataset.item[seen], minlength=dataset.schema.items).astype(np.float32)
        self._time_range = dataset.time[seen].min(), dataset.time[seen].max()
        self._context_range = _range(dataset.context.numeric[seen])
        users = _met(dataset.user[seen], dataset.schema.users) if strict else slice(None)
        items = counts > 0 if strict else slice(None)
        self._users = self._table(
            _known_words(dataset.users.ids, users), _scaled(dataset.users.numeric, _range(dataset.users.numeric[users]))
        )
        ids = _known_words(dataset.items.ids, items)
        numeric = _scaled(dataset.items.numeric, _range(dataset.items.numeric[items]))
        if any(field.name == COUNT for field in dataset.schema.fields):
            low = counts[counts > 0].min()
            count = (counts - low) / max(float(counts.max() - low), 1.0)
            numeric = np.concatenate([numeric, np.maximum(count, 0)[:, None]], 1)
        self._items = self._table(ids, numeric)

    def _table(self, ids: np.ndarray, numeric: np.ndarray) -> tuple[Tensor, Tensor]:
        return self.tensor(ids), self.tensor(numeric.astype(np.float32))

    def tensor(self, array: np.ndarray) -> Tensor:
        """An array on the view's device; on the CPU it shares the array's memory."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nor is it written to
            return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def users(self, index: Tensor) -> Rows:
        """The rows of some users."""
        ids, numeric = self._users
        return Rows(index, ids.index_select(0, index), numeric.index_select(0, index), *self._layout["user"])

    def items(self, index: Tensor) -> Rows:
        """The rows of some items."""
        ids, numeric = self._items
        return Rows(index, ids.index_select(0, index), numeric.index_select(0, index), *self._layout["item"])

    def contexts(self, ids: Tensor, numeric: Tensor) -> Rows:
        """The rows of some contexts."""
        return Rows(torch.arange(len(ids), device=ids.device), ids, numeric, *self._layout["context"])

    def interactions(self, rows: np.ndarray) -> Interactions:
        """Rows of the log."""
        data = self.dataset
        numeric = _scaled(data.context.numeric[rows], self._context_range)
        if any(field.name == TIME for field in data.schema.fields):
            low, high = self._time_range
            time = (data.time[rows] - low) / max(int(high - low), 1)
            numeric = np.concatenate([numeric, time[:, None]], 1)
        return Interactions(
            user=self.tensor(data.user[rows]),
            item=self.tensor(data.item[rows]),
            click=self.tensor(data.click[rows].astype(np.float32)),
            ids=self.tensor(data.context.ids[rows]),
            numeric=self.tensor(numeric.astype(np.float32)),
        )


class Interactions(NamedTuple):
    """Columns of the log, each with one entry per row."""

    user: Tensor
    item: Tensor
    click: Tensor
    ids: Tensor
    numeric: Tensor

    def at(self, index: Tensor | slice) -> Interactions:
        """A selection of rows: by numbers (a copy) or by a slice (none)."""
        if isinstance(index, slice):
            return Interactions(*(column[index] for column in self))
        return Interactions(*(column.index_select(0, index) for column in self))


@dataclass(frozen=True)
class Batch:
    """Some rows of the log with what is known about their users, items and context.

    Item side information is given once per distinct item; ``spread`` brings what was computed
    from it back to one row per interaction.
    """

    view: View
    log: Interactions

    def __len__(self) -> int:
        return len(self.log.item)

    @property
    def item(self) -> Tensor:
        """(batch,) item of each row."""
        return self.log.item

    @property
    def user(self) -> Tensor:
        """(batch,) user of each row."""
        return self.log.user

    @property
    def click(self) -> Tensor:
        """(batch,) label of each row, 0.0 or 1.0."""
        return self.log.click

    @cached_property
    def users(self) -> Rows:
        """The user of each row, (batch, ...)."""
        return self.view.users(self.log.user)

    @cached_property
    def context(self) -> Rows:
        """The context of each row, (batch, ...)."""
        return self.view.contexts(self.log.ids, self.log.numeric)

    @cached_property
    def _distinct(self) -> tuple[Tensor, Tensor, Tensor]:
        return torch.unique(self.log.item, return_inverse=True, return_counts=True)

    @cached_property
    def items(self) -> Rows:
        """The distinct items of the batch, (distinct, ...)."""
        return self.view.items(self._distinct[0])

    def spread(self, per_item: Tensor) -> Tensor:
        """(distinct, ...) values of ``items`` -> (batch, ...) one per row."""
        return per_item.index_select(0, self._distinct[1])

    def mean(self, per_item: Tensor) -> Tensor:
        """(distinct, ...) values of ``items`` -> (...) their mean over the batch's rows."""
        return self._share @ per_item

    @cached_property
    def _share(self) -> Tensor:
        return self._distinct[2] / len(self)


def shuffled(view: View, log: Interactions, size: int, random: np.random.Generator | None) -> Iterator[Batch]:
    """Batches of ``size`` rows, in an order drawn from ``random`` or, without it, as they are.

    The last batch is smaller; a single row left over joins the batch before it, because batch
    normalisation needs two.
    """
    rows = len(log.item)
    if random is not None:
        log = log.at(view.tensor(random.permutation(rows)))
    first = starts(rows, size)
    for start, stop in zip(first, [*first[1:], rows], strict=True):
        yield Batch(view, log.at(slice(start, stop)))


def starts(rows: int, size: int) -> list[int]:
    """Where the batches of ``size`` rows begin."""
    first = list(range(0, rows, size))
    return first[:-1] if len(first) > 1 and rows - first[-1] == 1 else first


def _range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Column-wise minimum and maximum; (0, 1) where there are no rows."""
    columns = values.shape[1]
    if not len(values):
        return np.zeros(columns), np.ones(columns)
    return values.min(0), values.max(0)


def _met(index: np.ndarray, size: int) -> np.ndarray:
    """(size,) which of a side's rows occur."""
    return np.bincount(index, minlength=size) > 0


def _known_words(ids: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """(rows, columns) ids with padding in place of those that none of some rows has."""
    if isinstance(rows, slice) or not ids.size:
        return ids
    known = _met(ids[rows].ravel(), int(ids.max()) + 1)
    return np.where(known[ids], ids, 0)


def _scaled(values: np.ndarray, limits: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    low, high = limits
    return (values - low) / np.maximum(high - low, 1e-12)
