"""Batches of a phase's rows on a device, shuffled without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from coldbench.model.rows import Interactions, Rows
from coldbench.model.view import View

_LEAST = 0.25  # share of a batch; a smaller remainder is spread over the other batches


@dataclass(frozen=True)
class Batch:
    """Rows of the log, with what is known about their users, items and context.

    Item side information is stored once per distinct item; ``spread`` expands what was computed
    from it to one row per interaction.
    """

    view: View
    log: Interactions

    def __len__(self) -> int:
        return len(self.log.item)

    @property
    def item(self) -> Tensor:
        """(batch,) the item of each row."""
        return self.log.item

    @property
    def user(self) -> Tensor:
        """(batch,) the user of each row."""
        return self.log.user

    @property
    def click(self) -> Tensor:
        """(batch,) the label of each row, 0.0 or 1.0."""
        return self.log.click

    @cached_property
    def users(self) -> Rows:
        """(batch, ...) the user of each row, with its fields."""
        return self.view.users(self.log.user)

    @cached_property
    def context(self) -> Rows:
        """(batch, ...) the context fields of each row."""
        return self.view.contexts(self.log.ids, self.log.numeric)

    @cached_property
    def _distinct(self) -> tuple[Tensor, Tensor, Tensor]:
        return torch.unique(self.log.item, return_inverse=True, return_counts=True)

    @cached_property
    def items(self) -> Rows:
        """(distinct, ...) the distinct items of the batch, with their fields."""
        return self.view.items(self._distinct[0])

    @cached_property
    def clicked(self) -> Tensor:
        """(clicked,) the positions of the rows with a click."""
        return self.click.nonzero().squeeze(1)

    def spread(self, per_item: Tensor, rows: Tensor | None = None) -> Tensor:
        """(distinct, ...) values per item of ``items`` -> values per row, (batch, ...), or of some ``rows`` alone."""
        place = self._distinct[1]
        return per_item.index_select(0, place if rows is None else place.index_select(0, rows))

    def mean(self, per_item: Tensor) -> Tensor:
        """(distinct, ...) values per item of ``items`` -> (...) their mean over the batch's rows."""
        return self.mean_weight @ per_item

    def item_mean(self, per_row: Tensor) -> Tensor:
        """(batch,) values per row -> (distinct,) their mean over the rows of each item of ``items``."""
        _, place, rows = self._distinct
        return torch.zeros_like(per_row[: len(rows)]).index_add(0, place, per_row) / rows

    @cached_property
    def mean_weight(self) -> Tensor:
        """(distinct,) each item's share of the batch's rows; the shares sum to 1."""
        return self._distinct[2] / len(self)


def shuffled(
    view: View, log: Interactions, size: int, random: np.random.Generator | None
) -> Iterator[tuple[Batch, np.ndarray | slice]]:
    """Yields batches of about ``size`` rows, each with the positions of its rows in ``log``.

    Args:
        view: What is known of the users and items.
        log: The rows.
        size: Rows per batch; see ``starts``.
        random: Draws the order of the rows; None keeps their order.
    """
    rows = len(log.item)
    order = None if random is None else random.permutation(rows)
    log = log if order is None else log.at(view.tensor(order))
    first = starts(rows, size)
    for start, stop in zip(first, [*first[1:], rows], strict=True):
        part = slice(start, stop)
        yield Batch(view, log.at(part)), part if order is None else order[part]


def starts(rows: int, size: int) -> list[int]:
    """Returns the first row of each batch of ``size`` rows; the last batch takes the remainder.

    A remainder of less than a quarter of ``size`` is spread over the other batches, which become slightly larger:
    batch normalisation needs two rows, and the running statistics of a frozen backbone rest mostly on the last batch.
    """
    whole, left = divmod(rows, size)
    if whole and 0 < left < _LEAST * size:
        return [round(number * rows / whole) for number in range(whole)]
    return list(range(0, rows, size))
