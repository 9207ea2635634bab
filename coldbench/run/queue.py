"""``Queue``: the jobs of a command in an order that keeps workers busy to the end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from coldbench.run.cell import Cell
from coldbench.run.folder import FITTED, PRETRAINED, Folder
from coldbench.run.jobs import Compute, Fit, Job, Pretrain

TRIES = 3  # of a job whose worker dies: a lost node takes others' jobs with it


class JobSource(Protocol):
    """Where jobs come from that are not known beforehand, such as the trials of a search."""

    def next(self, waiting: Sequence[Job]) -> Job | None:
        """The next job; None for none now, as where enough are waiting for a stage that is being made."""

    @property
    def empty(self) -> bool:
        """Whether no job will ever come again."""


class Queue:
    """Hands out jobs: a shared stage before the jobs that start from it, and what takes longest first.

    Backbones come first, then methods that several jobs start from. Of the others those come first that nobody has
    timed yet, in their order, then those that took longest, so that no worker starts the longest when the others are
    done.

    Args:
        jobs: What to do.
        folder: Whose stages are there already.
        source: Where further jobs come from.
    """

    def __init__(self, jobs: Sequence[Job], folder: Folder, source: JobSource | None = None) -> None:
        self.running = 0
        self.stopped = False
        self._folder = folder
        self._source = source
        self._pending: list[Job] = []
        self._made: set[str] = set()  # keys of stages that are there
        self._making: set[str] = set()  # keys of stages that a job of their own makes
        self._tries: Counter[Job] = Counter()
        self._seconds: dict[tuple[str, ...], float] = {}
        shared = Counter(cell.fitted_key for job in jobs for cell in job.cells if cell.fits)
        for job in jobs:
            self._admit(job, lambda cell: shared[cell.fitted_key] > 1)

    def next(self) -> Job | None:
        """The next job, or None where all that are left wait for a stage."""
        if self.stopped:
            return None
        job = self._ready()
        if job is None and self._source is not None:
            fresh = self._source.next(self._pending)
            if fresh is not None:
                self._admit(fresh, lambda cell: True)
                job = self._ready()
        if job is not None:
            self._pending.remove(job)
            self.running += 1
            self._tries[job] += 1
        return job

    def ended(self, job: Job, succeeded: bool, seconds: float) -> list[Job]:
        """Takes note of a job's end.

        Args:
            job: What ended.
            succeeded: Whether it left its result.
            seconds: How long it took.

        Returns:
            The jobs that were waiting for a stage that will now never be there.
        """
        self.running -= 1
        self._seconds[job.work] = seconds
        if job.makes is None:
            return []
        if succeeded:
            self._making.discard(job.makes)
            self._made.add(job.makes)
            return []
        return self._lose(job)

    def _lose(self, job: Job) -> list[Job]:
        """Strikes out the jobs that wait for what a job will never make, and those that wait for these."""
        lost = [other for other in self._pending if job.makes in self._awaited(other)]
        self._making.discard(str(job.makes))
        self._pending = [other for other in self._pending if other not in lost]
        return lost + [third for other in lost if other.makes is not None for third in self._lose(other)]

    def again(self, job: Job) -> bool:
        """Puts a job back whose worker died. Returns False, and does nothing, where it was tried often enough."""
        if self._tries[job] >= TRIES:
            return False
        self.running -= 1
        self._pending.append(job)
        return True

    def stop(self) -> None:
        """Hands out no more jobs; those that run may end."""
        self.stopped = True

    @property
    def finished(self) -> bool:
        """Whether no job is left, nor any that waits for a stage or may have to be done again."""
        exhausted = not self._pending and (self._source is None or self._source.empty)
        return not self.running and (self.stopped or exhausted)

    def _admit(self, job: Job, shares_fit: Callable[[Cell], bool]) -> None:
        """Takes a job in, and before it the stages that it needs and that nobody makes yet."""
        for cell in job.cells:
            if self._is_missing(PRETRAINED, cell, cell.pretrained_key):
                self._make(Pretrain((cell,)))
            if cell.fits and shares_fit(cell) and self._is_missing(FITTED, cell, cell.fitted_key):
                self._make(Fit((cell,)))
        self._pending.append(job)

    def _is_missing(self, stage: str, cell: Cell, key: str) -> bool:
        """Whether a stage is neither there nor being made."""
        if key in self._made or key in self._making:
            return False
        if self._folder.trained(stage, cell) is not None:
            self._made.add(key)
            return False
        return True

    def _make(self, job: Pretrain | Fit) -> None:
        self._making.add(job.makes)
        self._pending.append(job)

    def _awaited(self, job: Job) -> frozenset[str]:
        """The stages that a job waits for: those that it needs and that a job of their own makes."""
        return job.needs & self._making

    def _ready(self) -> Job | None:
        ready = [job for job in self._pending if not self._awaited(job)]
        for kind in (Pretrain, Fit):
            first = next((job for job in ready if isinstance(job, kind)), None)
            if first is not None:
                return first
        return max(ready, key=self._expected, default=None)  # the first of the longest

    def _expected(self, job: Job) -> float:
        return self._seconds.get(job.work, math.inf)


def computations(cells: Sequence[Cell]) -> list[Job]:
    """One job per cell."""
    return [Compute((cell,)) for cell in cells]
