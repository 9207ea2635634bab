"""``Probe``: measures what the stages of a cell cost on this machine, by running them on small parts of its data."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from coldbench.data.dataset import Dataset
from coldbench.model.batching import starts
from coldbench.protocol.split import WarmUpSplit
from coldbench.protocol.stages import Trained
from coldbench.runs.cell import Cell

_FEWEST = 2  # batches of the smallest part that is timed
_GROWTH = 4  # times as many batches in the next part
_ENOUGH = 0.1  # processor seconds by which two parts must differ, so that the clock's noise does not decide
_SHARE = 0.5  # of the smaller part's seconds by which they must differ, since those of large tables are noisy as well
_ITEMS = 1024  # items of a part: about as many as a batch has, yet few enough that each has several rows
_SCORED = 4096  # test rows that are scored where only training is timed


@dataclass(frozen=True)
class Cost:
    """The processor seconds of a stage as a line: some that it always takes, and more for every batch."""

    fixed: float
    per_batch: float

    def of(self, batches: int) -> float:
        """The processor seconds for a number of batches."""
        return self.fixed + self.per_batch * batches


class Probe:
    """Measures the stages of one cell.

    Test rows are scored as in a run, because that takes time, but nothing is kept of the scores.

    Attributes:
        cell: The cell.
        setup: Processor seconds to split the data and to build the stages.
    """

    def __init__(self, cell: Cell, dataset: Dataset) -> None:
        self.cell = cell
        self._training = replace(cell, topn=None).on(dataset)
        began = time.process_time()
        self._scoring = cell.on(dataset)
        self.setup = time.process_time() - began
        self._whole = self._scoring.split

    def pretraining(self) -> tuple[float, Trained]:
        """The processor seconds of pretraining, and a backbone that was pretrained on a part of base."""
        return self._on_base(self._training.pretrain)

    def fitting(self, pretrained: Trained) -> tuple[float, Trained]:
        """The processor seconds of ``fit``, and a method that was fitted on a part of base."""
        return self._on_base(lambda: self._training.fit(pretrained))

    def phases(self, pretrained: Trained, fitted: Trained) -> float:
        """The processor seconds of all phases together, each with its evaluation."""
        size = self._whole.warm_batch_size(self.cell.settings.batch_size)
        batches = {name: len(starts(len(rows), size)) for name, rows in self._whole.warm.items()}
        largest = max(batches, key=lambda name: batches[name])
        few_rows = self._whole.test[:: max(1, len(self._whole.test) // _SCORED)]

        def warm(count: int) -> float:
            rows = part(self._training.dataset, self._whole.warm[largest], count / batches[largest])
            self._set(replace(self._whole, warm={largest: rows}, test=few_rows))
            return list(self._training.phases(pretrained, fitted))[-1].cpu_seconds

        cost = by_slope(warm, batches[largest])
        self._scoring.protocol.split = replace(self._whole, warm={})
        began = time.process_time()
        (cold,) = self._scoring.phases(pretrained, fitted)
        first = time.process_time() - began
        evaluation = first - (cold.cpu_seconds - fitted.cpu_seconds)  # the rest made the embeddings
        return first + sum(cost.of(count) + evaluation for count in batches.values())

    def _on_base(self, stage: Callable[[], Trained]) -> tuple[float, Trained]:
        """The processor seconds of a stage on base, and what it made of the largest part that was timed."""
        total = len(starts(len(self._whole.base), self.cell.settings.batch_size))
        made: list[Trained] = []

        def work(count: int) -> float:
            self._set(replace(self._whole, base=part(self._training.dataset, self._whole.base, count / total)))
            made[:] = [stage()]
            return made[0].cpu_seconds

        seconds = by_slope(work, total).of(total)
        return seconds, made[0]

    def _set(self, split: WarmUpSplit) -> None:
        self._training.protocol.split = split


def by_slope(work: Callable[[int], float], total: int) -> Cost:
    """Measures work on a few batches and then on more and more, until the larger part takes clearly longer.

    Args:
        work: Does the work on a number of batches and returns its processor seconds.
        total: The number of all batches, beyond which no part goes.
    """
    size = min(_FEWEST, total)
    seconds = work(size)
    if seconds < _ENOUGH:
        seconds = work(size)  # the first call also imported and allocated
    slope = 0.0
    while size < total:
        before, smaller, size = seconds, size, min(_GROWTH * size, total)
        seconds = work(size)
        slope = max(seconds - before, 0.0) / (size - smaller)
        if seconds - before >= max(_ENOUGH, _SHARE * before):
            break
    return Cost(max(seconds - slope * size, 0.0), slope)


def part(dataset: Dataset, rows: np.ndarray, share: float) -> np.ndarray:
    """A share of the rows, in their order, from a limited number of items where that leaves enough rows.

    A method that cuts each item's rows into parts finds several rows of an item only among few items, and a method
    that works on the distinct items of a batch costs less if there are too few of them.
    """
    wanted = round(len(rows) * share)
    items = np.flatnonzero(np.bincount(dataset.item[rows], minlength=dataset.schema.items))
    step = min(len(items) // _ITEMS, len(rows) // (2 * max(wanted, 1)))
    if step > 1:
        chosen = np.zeros(dataset.schema.items, dtype=bool)
        chosen[items[::step]] = True
        rows = rows[chosen[dataset.item[rows]]]
    return rows[np.linspace(0, len(rows), min(wanted, len(rows)), endpoint=False).astype(np.int64)]
