"""``Log``: what a platform has logged, from before the test and on each of its days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from coldbench.data.dataset import Dataset, Table

_DAY = 86_400  # seconds


class Log:
    """A log that grows by a day's impressions each night.

    Only what came onto a screen is logged: the application knows how far a user scrolled.

    Attributes:
        exposures: (items,) int64, the rows of each item so far.
        views: (items,) int64, those that were views.
        latest: (items,) int64, the views of the last day alone; before the first day, those of the whole history.

    Args:
        history: The log from before the test.
    """

    def __init__(self, history: Dataset) -> None:
        self._dataset = history
        self._items = history.schema.items
        self.exposures = np.bincount(history.item, minlength=self._items)
        self.views = np.bincount(history.item[history.click > 0], minlength=self._items)
        self.latest = self.views
        self._end = int(history.time.max()) + 1
        self._days = 0

    @property
    def dataset(self) -> Dataset:
        """All rows so far."""
        return self._dataset

    def add(self, user: np.ndarray, item: np.ndarray, viewed: np.ndarray) -> np.ndarray:
        """Appends a day's rows, (rows,) each, and returns their row numbers."""
        old, rows = self._dataset, len(user)
        time = np.full(rows, self._end + self._days * _DAY, np.int64)
        empty = Table(
            np.zeros((rows, old.context.ids.shape[1]), np.int32),
            np.zeros((rows, old.context.numeric.shape[1]), np.float32),
        )
        self._dataset = replace(
            old,
            user=np.concatenate([old.user, user.astype(np.int32)]),
            item=np.concatenate([old.item, item.astype(np.int32)]),
            click=np.concatenate([old.click, viewed.astype(np.uint8)]),
            time=np.concatenate([old.time, time]),
            context=replace(
                old.context,
                ids=np.concatenate([old.context.ids, empty.ids]),
                numeric=np.concatenate([old.context.numeric, empty.numeric]),
            ),
        )
        self._days += 1
        self.latest = np.bincount(item[viewed], minlength=self._items)
        self.views = self.views + self.latest
        self.exposures = self.exposures + np.bincount(item, minlength=self._items)
        return np.arange(old.rows, old.rows + rows)
