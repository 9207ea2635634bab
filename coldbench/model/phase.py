"""``Phase``: the data of one phase and the steps taken on it; the one epoch loop."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.adam import adam

from coldbench.core.seeds import derive
from coldbench.core.space import Count, Rate, Weight
from coldbench.model.batching import Batch, Interactions, Rows, View, shuffled, starts


@dataclass(frozen=True)
class Settings:
    """What all methods share (AVAEW, section 3.1; weight decay from the code that gave the tables)."""

    learning_rate: Rate = 1e-3  # of Adam
    weight_decay: Weight = 1e-6  # L2, inside Adam
    batch_size: Count = 2048  # rows
    pretrain_epochs: Count = 1  # on base, all parameters
    phase_epochs: Count = 1  # of the item ID embeddings on each warm-up phase


class Phase:
    """The rows that a hook may learn from, batched, shuffled and with their optimiser steps counted.

    Args:
        name: ``base``, ``warm-a``, ``warm-b`` or ``warm-c``.
        view: What may be known in this phase.
        rows: Row numbers of the log, (rows,).
        cold: The cold items, (cold,).
        settings: What all methods share.
        seed: Of the batch order; pass by pass another order, the same for every method.
    """

    def __init__(
        self, name: str, view: View, rows: np.ndarray, cold: np.ndarray, settings: Settings, *seed: object
    ) -> None:
        self.name = name
        self.view = view
        self.log: Interactions = view.interactions(rows)
        self.time = view.dataset.time[rows]
        self.cold: Rows = view.items(view.tensor(cold))
        self.settings = settings
        self.steps = 0
        self._limit: int | None = None
        self._seed = (*seed, "order", name)
        self._passes = 0

    def __len__(self) -> int:
        return len(self.log.item)

    @property
    def epoch(self) -> int:
        """The number of batches in one pass."""
        return len(starts(len(self), self.settings.batch_size))

    def allow(self, steps: int) -> None:
        """From here on so many more optimiser steps: ``batches`` goes on until they are taken, and then ends."""
        self._limit = self.steps + steps

    @property
    def spent(self) -> bool:
        """Whether no step is left."""
        return self._limit is not None and self.steps >= self._limit

    def batches(self, epochs: int = 1) -> Iterator[Batch]:
        """Shuffled batches of the protocol's size, ``epochs`` times over, or as long as allowed steps are left."""
        for _ in range(epochs) if self._limit is None else itertools.count():
            before = self.steps
            random = np.random.default_rng(derive(*self._seed, self._passes))
            self._passes += 1
            for batch in shuffled(self.view, self.log, self.settings.batch_size, random):
                if self.spent:
                    return
                yield batch
            if self._limit is not None and self.steps == before:
                return  # who takes the batches takes no steps on them

    def at(self, rows: Tensor) -> Batch:
        """A batch of some of the phase's rows, by their places in the phase."""
        return Batch(self.view, self.log.at(rows))

    def adam(self, parameters: Iterable[Tensor]) -> Adam:
        """A fresh Adam with the protocol's settings; its steps count as steps on this phase."""
        return Adam(self, list(parameters))


class Adam:
    """Adam (Kingma and Ba 2014, arXiv:1412.6980) with L2 weight decay; large tables are updated lazily.

    Of a parameter with a sparse gradient (see ``layers.lookup``) only the rows that the batch touched are moved,
    and only their moments and weights decay.

    Args:
        phase: Whose steps it counts.
        parameters: What it moves.
    """

    def __init__(self, phase: Phase, parameters: list[Tensor]) -> None:
        self.phase = phase
        self.parameters = [parameter for parameter in parameters if parameter.numel()]
        self._moved: list[_Moved | _Table] = []

    def zero_grad(self) -> None:
        """Forgets all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """One step down the gradients, if one is left; the first one tells which parameters take part at all."""
        if self.phase.spent:
            return
        if not self._moved:
            self._moved = [_still(parameter) for parameter in self.parameters if parameter.grad is not None]
        parts = [moved.touched() if isinstance(moved, _Table) else moved for moved in self._moved]
        settings = self.phase.settings
        adam(  # the function under torch.optim.Adam, whose class adds 0.4 of its time
            [part.value for part in parts],
            [part.gradient for part in parts],
            [part.first for part in parts],
            [part.second for part in parts],
            [],
            [part.steps for part in parts],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            eps=1e-8,
            maximize=False,
        )
        for moved, part in zip(self._moved, parts, strict=True):
            if isinstance(moved, _Table):
                moved.put_back(part)
        self.phase.steps += 1


class _Moved(NamedTuple):
    """A parameter, or copies of some of its rows, with Adam's two moments and its step count."""

    value: Tensor
    first: Tensor
    second: Tensor
    steps: Tensor

    @property
    def gradient(self) -> Tensor:
        """What ``backward`` left."""
        return cast(Tensor, self.value.grad)


class _Table:
    """A large table, of which a step moves the rows that the batch touched.

    Both moments of a row lie side by side, so that they are fetched from memory at once.
    """

    def __init__(self, table: Tensor) -> None:
        self.table = table
        self.moments = table.new_zeros(len(table), 2 * table.shape[1])
        self.steps = torch.zeros((), device=table.device)
        self._seen_at = torch.empty(len(table), dtype=torch.int32, device=table.device)
        self._rows = self._seen_at[:0]

    def touched(self) -> _Moved:
        """The rows that the sparse gradient touches, with their part of it."""
        gradient = cast(Tensor, self.table.grad)
        index, values = gradient._indices()[0], gradient._values()
        self._rows, place = _distinct(index, self._seen_at)
        value = self.table.index_select(0, self._rows)
        first, second = (part.contiguous() for part in self.moments.index_select(0, self._rows).chunk(2, 1))
        value.grad = values.new_zeros(value.shape).index_add_(0, place, values)
        return _Moved(value, first, second, self.steps)

    def put_back(self, part: _Moved) -> None:
        """Writes what ``touched`` gave into the table, after the step."""
        self.table.index_copy_(0, self._rows, part.value)
        self.moments.index_copy_(0, self._rows, torch.cat([part.first, part.second], 1))


def _still(parameter: Tensor) -> _Moved | _Table:
    """A parameter before its first step."""
    if cast(Tensor, parameter.grad).is_sparse:
        return _Table(parameter)
    return _Moved(
        parameter, torch.zeros_like(parameter), torch.zeros_like(parameter), torch.zeros((), device=parameter.device)
    )


def _distinct(index: Tensor, seen_at: Tensor) -> tuple[Tensor, Tensor]:
    """Distinct rows of a table, and the place among them of each in ``index``; a quarter of ``torch.unique``'s time.

    Args:
        index: (n,) int64 rows.
        seen_at: (rows of the table,) int32 scratch: where in ``index`` each of them is.
    """
    here = torch.arange(len(index), dtype=torch.int32, device=index.device)
    seen_at.scatter_(0, index, here)  # one of a row's places
    chosen = seen_at.index_select(0, index)
    distinct = chosen.eq(here)
    return index.masked_select(distinct), distinct.cumsum(0).index_select(0, chosen).sub_(1)


def ctr_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Binary cross-entropy, mean over the batch (AVAEW, equation 1)."""
    return functional.binary_cross_entropy_with_logits(logits, batch.click)


def descend(phase: Phase, parameters: Iterable[Tensor], loss: Callable[[Batch], Tensor], epochs: int = 1) -> None:
    """Minimises a loss: one Adam step per batch, ``epochs`` times over the phase."""
    optimizer = phase.adam(parameters)
    for batch in phase.batches(epochs):
        step(optimizer, loss(batch))


def step(optimizer: Adam, loss: Tensor) -> None:
    """One step down a loss, for the optimiser's parameters only."""
    optimizer.zero_grad()
    loss.backward(inputs=optimizer.parameters)
    optimizer.step()
