"""``Night``: what both models of a platform may learn from after a day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from coldbench.core.seeds import derive
from coldbench.data.dataset import Dataset
from coldbench.model.view import View


@dataclass(frozen=True)
class Night:
    """The rows of a day and the budget of the night after it, the same for every arm.

    Attributes:
        day: The day that has ended.
        dataset: All rows that the platform has logged.
        view: What is known of users and items from these rows.
        rows: (rows,) the row numbers of the day.
        new: (items,) all items that arrive during the test.
        cold: (items,) those that have arrived and are still cold.
        kept: (items,) those and the ones that have not arrived, whose embeddings only the method may change.
        steps: Optimiser steps on the day's rows.
        warm_steps: Optimiser steps on the rows of the cold items.
        seed: The seed of the world.
    """

    day: int
    dataset: Dataset
    view: View
    rows: np.ndarray
    new: np.ndarray
    cold: np.ndarray
    kept: np.ndarray
    steps: int
    warm_steps: int
    seed: int

    @cached_property
    def cold_rows(self) -> np.ndarray:
        """The day's rows of items that are still cold."""
        cold = np.zeros(self.dataset.schema.items, dtype=bool)
        cold[self.cold] = True
        return self.rows[cold[self.dataset.item[self.rows]]]

    def sample(self, batch_size: int) -> np.ndarray:
        """As many of the day's rows as the steps need, drawn alike for every model."""
        most = self.steps * batch_size
        if len(self.rows) <= most:
            return self.rows
        random = np.random.default_rng(derive(self.seed, "sample", self.day))
        return np.sort(random.choice(self.rows, most, replace=False))
