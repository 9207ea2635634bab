"""Processor seconds of one thread: of a piece of work, of a row of it, and of two pieces in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Work = Callable[[], object]


class Cost(NamedTuple):
    """What a piece of work costs whose size can be chosen.

    Attributes:
        seconds: For all rows, without what does not grow with them.
        fixed: What does not grow with the rows: models, loaders and optimisers that are built first.
    """

    seconds: float
    fixed: float


@dataclass(frozen=True)
class Pairs:
    """Two pieces of work that took turns.

    Attributes:
        ours: Costs of our piece.
        theirs: Costs of the other one.
    """

    ours: list[Cost]
    theirs: list[Cost]

    @property
    def ratios(self) -> list[float]:
        """How many times faster ours was, pair by pair, sorted."""
        return sorted(b.seconds / a.seconds for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def ratio(self) -> float:
        """Their median."""
        return statistics.median(self.ratios)

    def row(self) -> list[str]:
        """What a table with the columns of ``HEADER`` shows."""
        (mine, own), (other, built) = (
            (statistics.median(cost.seconds for cost in costs), statistics.median(cost.fixed for cost in costs))
            for costs in (self.ours, self.theirs)
        )
        low, *_, high = self.ratios if len(self.ratios) > 1 else self.ratios * 2
        return [
            f"{mine:.2f}",
            f"{own:.2f}",
            f"{other:.1f}",
            f"{built:.1f}",
            *map("{:.1f}".format, (self.ratio, low, high)),
        ]


HEADER = ["ours s", "fixed s", "theirs s", "fixed s", "times faster", "lowest", "highest"]


def cpu(work: Work) -> float:
    """Processor seconds of a piece of work."""
    before = time.process_time()
    work()
    return time.process_time() - before


def by_slope(work: Callable[[np.ndarray], object], sizes: tuple[np.ndarray, np.ndarray], rows: int) -> Cost:
    """What work on so many rows costs, from what it costs on two smaller numbers of them.

    Args:
        work: Takes row numbers.
        sizes: Few and more rows to do it on.
        rows: For how many the cost is asked.
    """
    work(sizes[0])  # what a first call imports and allocates is nobody's cost
    few, many = (cpu(lambda part=part: work(part)) for part in sizes)
    per_row = (many - few) / (len(sizes[1]) - len(sizes[0]))
    return Cost(rows * per_row, few - len(sizes[0]) * per_row)


def in_turn(ours: Callable[[], Cost], theirs: Callable[[], Cost], count: int) -> Pairs:
    """Times two pieces of work in turn, so many times."""
    both = [(ours(), theirs()) for _ in range(count)]
    return Pairs([mine for mine, _ in both], [other for _, other in both])


def often(work: Work, times: int) -> Callable[[], Cost]:
    """The cost of one of many calls, after some that are not timed."""

    def timed() -> Cost:
        return Cost(cpu(lambda: [work() for _ in range(times)]) / times, 0.0)

    timed()
    return timed


def milliseconds(work: Work, rounds: int = 9, times: int = 20) -> float:
    """The median of a call's processor time."""
    for _ in range(min(times, 5)):
        work()
    return 1e3 * statistics.median(cpu(lambda: [work() for _ in range(times)]) / times for _ in range(rounds))
