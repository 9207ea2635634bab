"""``View``: what a phase may know of the users and items."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from coldbench.data.dataset import Dataset
from coldbench.data.schema import COUNT, TIME, SideName
from coldbench.model.rows import Interactions, Rows

_Tensors = tuple[Tensor, Tensor, Tensor | None]  # one side's ids, scaled numbers and vectors


class View:
    """The fields of all users and items as far as a phase may know them, as tensors on one device.

    Numeric fields are min-max scaled and ``count`` is filled in, both from the rows in ``seen``. Vectors are used as
    they are: each has length 1 by itself, so that nothing is learned from other rows.

    Args:
        dataset: The whole log.
        seen: The numbers of the rows that counts and scalings may use.
        device: The device of the tensors.
        strict: Whether the words and the numeric ranges of users and items also come only from the users and items
            of the seen rows; words that occur in none of these are replaced by padding.
    """

    def __init__(self, dataset: Dataset, seen: np.ndarray | slice, device: torch.device, strict: bool = False) -> None:
        self.device = device
        names = {field.name for field in dataset.schema.fields}
        self._with_time = TIME in names
        sides: tuple[SideName, ...] = ("user", "item", "context")
        layouts = {side: dataset.schema.side(side) for side in sides}
        self._layout = {side: (self.tensor(layout.field_of), layout.vocabulary) for side, layout in layouts.items()}
        counts = np.bincount(dataset.item[seen], minlength=dataset.schema.items).astype(np.float32)
        self._time_range = dataset.time[seen].min(), dataset.time[seen].max()
        self._context_range = _range(dataset.context.numeric[seen])
        users = _met(dataset.user[seen], dataset.schema.users) if strict else slice(None)
        items = counts > 0 if strict else slice(None)
        self._users = self._table(
            _known_words(dataset.users.ids, users),
            _scaled(dataset.users.numeric, _range(dataset.users.numeric[users])),
            dataset.users.vectors,
        )
        ids = _known_words(dataset.items.ids, items)
        numeric = _scaled(dataset.items.numeric, _range(dataset.items.numeric[items]))
        if COUNT in names:
            low = counts[counts > 0].min()
            count = (counts - low) / max(float(counts.max() - low), 1.0)
            numeric = np.concatenate([numeric, np.maximum(count, 0)[:, None]], 1)
        self._items = self._table(ids, numeric, dataset.items.vectors)

    def _table(self, ids: np.ndarray, numeric: np.ndarray, vectors: np.ndarray | None) -> _Tensors:
        vector = None if vectors is None else self.tensor(vectors)
        return self.tensor(ids), self.tensor(numeric.astype(np.float32)), vector

    def _rows(self, table: _Tensors, index: Tensor, side: SideName) -> Rows:
        ids, numeric, vectors = table
        vector = None if vectors is None else vectors.index_select(0, index)
        return Rows(index, ids.index_select(0, index), numeric.index_select(0, index), *self._layout[side], vector)

    def tensor(self, array: np.ndarray) -> Tensor:
        """Converts an array to a tensor on the view's device; on the CPU both share their memory."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # and it is never written to
            return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)

    def users(self, index: Tensor) -> Rows:
        """(rows,) user numbers -> the users with their fields."""
        return self._rows(self._users, index, "user")

    def items(self, index: Tensor) -> Rows:
        """(rows,) item numbers -> the items with their fields."""
        return self._rows(self._items, index, "item")

    def contexts(self, ids: Tensor, numeric: Tensor) -> Rows:
        """(rows, columns) ids and (rows, fields) scaled numbers -> the contexts."""
        return Rows(torch.arange(len(ids), device=ids.device), ids, numeric, *self._layout["context"])

    def interactions(self, dataset: Dataset, rows: np.ndarray) -> Interactions:
        """Selects rows of a log and scales their context by the ranges that the view knows.

        Args:
            dataset: The log; the view does not keep it, so that no hook can reach rows that it was not given.
            rows: (rows,) row numbers.
        """
        numeric = _scaled(dataset.context.numeric[rows], self._context_range)
        if self._with_time:
            low, high = self._time_range
            time = (dataset.time[rows] - low) / max(int(high - low), 1)
            numeric = np.concatenate([numeric, time[:, None]], 1)
        return Interactions(
            user=self.tensor(dataset.user[rows]),
            item=self.tensor(dataset.item[rows]),
            click=self.tensor(dataset.click[rows].astype(np.float32)),
            ids=self.tensor(dataset.context.ids[rows]),
            numeric=self.tensor(numeric.astype(np.float32)),
        )


def _range(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Minimum and maximum per column; (0, 1) if there are no rows."""
    columns = values.shape[1]
    if not len(values):
        return np.zeros(columns), np.ones(columns)
    return values.min(0), values.max(0)


def _met(index: np.ndarray, size: int) -> np.ndarray:
    """(size,) bool, whether each of a side's rows occurs in ``index``."""
    return np.bincount(index, minlength=size) > 0


def _known_words(ids: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """(rows, columns) ids, with padding in place of ids that do not occur in the given rows."""
    if isinstance(rows, slice) or not ids.size:
        return ids
    known = _met(ids[rows].ravel(), int(ids.max()) + 1)
    return np.where(known[ids], ids, 0)


def _scaled(values: np.ndarray, limits: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    low, high = limits
    return (values - low) / np.maximum(high - low, 1e-12)
