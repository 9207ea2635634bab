"""``Phase``: the rows that a hook may learn from, and the optimiser steps taken on them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from coldbench.core.seeds import derive
from coldbench.model.batching import Batch, shuffled, starts
from coldbench.model.budget import Budget
from coldbench.model.optimizer import Adam
from coldbench.model.rows import Interactions, Rows
from coldbench.model.settings import Settings
from coldbench.model.view import View


class RowsByItem(NamedTuple):
    """A phase's rows grouped by item, each item's rows in time order.

    Attributes:
        items: (distinct,) int64, the items that occur, sorted.
        starts: (distinct + 1,) int64, the start of each item's rows in ``rows``; the last entry is the number of rows.
        rows: (rows,) int64 positions in the phase; rows of the same time keep the phase's order.
    """

    items: Tensor
    starts: Tensor
    rows: Tensor


class RowsSeen:
    """Counts the rows that optimiser steps were taken on.

    It is apart from ``Phase`` so that the budget, which calls it, does not lead back to the phase: tables of a million
    rows would be freed no sooner than Python next looked for cycles.

    Attributes:
        total: Rows in all steps together; a row counts once per step.

    Args:
        rows: The number of rows that there are.
    """

    def __init__(self, rows: int) -> None:
        self.total = 0
        self._once = np.zeros(rows, dtype=bool)
        self._given: list[np.ndarray | slice] = []  # the rows of the next step
        self._given_at = -1  # the number of steps taken when they were given

    @property
    def distinct(self) -> int:
        """The number of rows in at least one step."""
        return int(self._once.sum())

    def give(self, rows: np.ndarray | slice, steps: int) -> None:
        """Says which rows the next step is taken on, after ``steps`` steps."""
        self._given, self._given_at = [rows], steps

    def add(self, rows: np.ndarray | slice, steps: int) -> None:
        """Adds rows to those that the next step is taken on."""
        if self._given_at == steps:
            self._given.append(rows)
        else:
            self.give(rows, steps)

    def count(self, steps: int) -> None:
        """Counts the rows of step number ``steps``."""
        for rows in self._given:
            self.total += rows.stop - rows.start if isinstance(rows, slice) else len(rows)
            if steps == self._given_at + 1:
                self._once[rows] = True


class Phase:
    """The rows that a hook may learn from, in shuffled batches, with a count of the optimiser steps on them.

    It contains no other rows of the log, and therefore no test rows.

    Attributes:
        name: ``base``, or the name of a warm-up phase such as ``warm-a`` or ``20 shots``.
        view: What may be known of users and items in this phase.
        log: The rows, (rows,) per column.
        cold: The cold items, (cold,).
        settings: The training settings that all methods share.
        budget: The steps taken so far, and their limit if there is one.
        rows_seen: Rows in all steps together; a row counts once per step.
        distinct_rows_seen: Rows in at least one step.

    Args:
        name: The name of the phase.
        view: What may be known of users and items.
        log: The rows, (rows,) per column.
        time: (rows,) int64, each row's time in seconds.
        cold: The cold items, (cold,).
        settings: The training settings that all methods share.
        limit: The maximum number of optimiser steps; None for no limit.
        *seed: Seeds the batch order, which differs between passes and is the same for every method.
    """

    def __init__(
        self,
        name: str,
        view: View,
        log: Interactions,
        time: np.ndarray,
        cold: Rows,
        settings: Settings,
        limit: int | None,
        *seed: object,
    ) -> None:
        self.name = name
        self.view = view
        self.log = log
        self.cold = cold
        self.settings = settings
        self._rows_seen = RowsSeen(len(log.item))
        self.budget = Budget(limit, self._rows_seen.count)
        self._time = time
        self._seed = (*seed, "order", name)
        self._passes = 0
        self._optimizers: list[Adam] = []
        self._in_turn: Iterator[Batch] | None = None

    def __len__(self) -> int:
        return len(self.log.item)

    @property
    def steps(self) -> int:
        """The number of optimiser steps taken so far."""
        return self.budget.taken

    @property
    def rows_seen(self) -> int:
        """The number of rows in all steps together."""
        return self._rows_seen.total

    @property
    def distinct_rows_seen(self) -> int:
        """The number of rows in at least one step."""
        return self._rows_seen.distinct

    @property
    def batch_count(self) -> int:
        """The number of batches in one pass."""
        return len(starts(len(self), self.settings.batch_size))

    def batches(self, epochs: int = 1, repeats: int = 1) -> Iterator[Batch]:
        """Yields shuffled batches; take one step on each.

        Args:
            epochs: Passes over all batches.
            repeats: How many times in a row each batch is given.

        Yields:
            Without a limit on steps, each batch ``repeats`` times in each of ``epochs`` passes. With a limit, both
            are ignored: the batches in turn, each before any is given again, until the limit is reached.
        """
        yield from (batch for batch, _ in self.turns(epochs, repeats, (None,)))

    def turns(self, epochs: int, repeats: int, players: Sequence[object]) -> Iterator[tuple[Batch, object]]:
        """Yields shuffled batches for several optimisers that take steps in turn.

        Args:
            epochs: Passes over all batches.
            repeats: How many rounds of all players each batch gets.
            players: The order in which optimisers take steps, such as a generator once, then a classifier three times.

        Yields:
            A batch, and the player that takes the next step on it. Without a limit on steps, all players take turns
            on each batch, ``repeats`` times. With a limit, every step gets the next batch, so that no row is seen again
            before all rows have been seen, whichever players take the steps.
        """
        if self.budget.limited:
            yield from self._limited_turns(players)
        else:
            for batch in itertools.chain.from_iterable(self._one_pass() for _ in range(epochs)):
                for player in itertools.chain.from_iterable(itertools.repeat(players, repeats)):
                    yield batch, player
        self.settle()

    def _limited_turns(self, players: Sequence[object]) -> Iterator[tuple[Batch, object]]:
        if self._in_turn is None:
            self._in_turn = itertools.chain.from_iterable(self._one_pass() for _ in itertools.count())
        for player in itertools.cycle(players):
            before = self.steps
            if self.budget.spent:
                return
            yield next(self._in_turn), player
            if self.steps == before:
                return  # the caller takes no steps on its batches

    def _one_pass(self) -> Iterator[Batch]:
        random = np.random.default_rng(derive(*self._seed, self._passes))
        self._passes += 1
        for batch, rows in shuffled(self.view, self.log, self.settings.batch_size, random):
            self._rows_seen.give(rows, self.steps)
            yield batch

    def at(self, rows: Tensor) -> Batch:
        """Builds a batch from (rows,) positions in the phase."""
        self._rows_seen.add(rows.cpu().numpy(), self.steps)
        return Batch(self.view, self.log.at(rows))

    @cached_property
    def by_item(self) -> RowsByItem:
        """The rows grouped by item, in time order within each item."""
        item = self.log.item.cpu().numpy()
        order = np.lexsort((self._time, item))
        items, first = np.unique(item[order], return_index=True)
        parts = (items.astype(np.int64), np.r_[first, len(order)], order)
        return RowsByItem(*(self.view.tensor(part) for part in parts))

    def parts_in_time(self, count: int) -> Tensor:
        """Cuts each item's rows into equal parts in time order; leftover rows are dropped.

        Args:
            count: The number of parts.

        Returns:
            (count, rows) int64 positions in the phase; the rows of a column belong to the same item.
        """
        _, starts_, rows = self.by_item
        length = starts_.diff() // count
        rank = torch.arange(int(length.sum()), device=rows.device)
        rank = rank - (length.cumsum(0) - length).repeat_interleave(length)
        first = starts_[:-1].repeat_interleave(length) + rank
        step = length.repeat_interleave(length)
        return torch.stack([rows[first + part * step] for part in range(count)])

    def adam(self, parameters: Iterable[Tensor], learning_rate: float | None = None) -> Adam:
        """Creates an Adam optimiser whose steps count as steps on this phase.

        Args:
            parameters: The parameters to optimise.
            learning_rate: The learning rate; None for the one in the settings, which all methods share.
        """
        settings = self.settings
        rate = settings.learning_rate if learning_rate is None else learning_rate
        self._optimizers.append(Adam(self.budget, list(parameters), rate, settings.weight_decay))
        return self._optimizers[-1]

    def settle(self) -> None:
        """Updates the rows of large tables that the last steps did not touch (see ``Adam.settle``)."""
        for optimizer in self._optimizers:
            optimizer.settle()

    def close(self) -> None:
        """Settles the tables after the last step, and frees the optimisers' state, which is larger than the tables."""
        self.settle()
        self._optimizers.clear()
        self._in_turn = None


def ctr_loss(logits: Tensor, batch: Batch) -> Tensor:
    """(batch,) logits -> () mean binary cross-entropy over the batch (AVAEW, equation 1)."""
    return functional.binary_cross_entropy_with_logits(logits, batch.click)


def descend(phase: Phase, optimizer: Adam, loss: Callable[[Batch], Tensor], epochs: int = 1) -> None:
    """Minimises a loss with one step per batch, in ``epochs`` passes over the phase."""
    for batch in phase.batches(epochs):
        step(optimizer, loss(batch))


def step(optimizer: Adam, loss: Tensor) -> None:
    """Takes one step down a loss; only the optimiser's parameters get gradients."""
    optimizer.zero_grad()
    loss.backward(inputs=optimizer.parameters)
    optimizer.step()
