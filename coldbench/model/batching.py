"""Rows of a phase as device batches, shuffled without a Python step per row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from coldbench.model.rows import Interactions, Rows
from coldbench.model.view import View

_LEAST = 0.25  # of a batch: a smaller remainder is spread over the other batches


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
        return self.mean_weight @ per_item

    @cached_property
    def mean_weight(self) -> Tensor:
        """(distinct,) the share of the batch's rows that each of its items has; they add up to 1."""
        return self._distinct[2] / len(self)


def shuffled(
    view: View, log: Interactions, size: int, random: np.random.Generator | None
) -> Iterator[tuple[Batch, np.ndarray | slice]]:
    """Batches of about ``size`` rows, each with the places of its rows in ``log``.

    Args:
        view: What is known of their users and items.
        log: The rows.
        size: Rows per batch; see ``starts``.
        random: What their order is drawn from; None leaves them as they are.
    """
    rows = len(log.item)
    order = None if random is None else random.permutation(rows)
    log = log if order is None else log.at(view.tensor(order))
    first = starts(rows, size)
    for start, stop in zip(first, [*first[1:], rows], strict=True):
        part = slice(start, stop)
        yield Batch(view, log.at(part)), part if order is None else order[part]


def starts(rows: int, size: int) -> list[int]:
    """Where the batches of ``size`` rows begin, the last one with what is left over.

    A remainder of less than a quarter of ``size`` is spread over the other batches, which are then a little larger:
    batch normalisation needs two rows, and the running statistics of a frozen backbone rest mostly on the last batch.
    """
    whole, left = divmod(rows, size)
    if whole and 0 < left < _LEAST * size:
        return [round(number * rows / whole) for number in range(whole)]
    return list(range(0, rows, size))
