"""``Queue``: hands out the jobs of a command in an order that keeps workers busy to the end."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from coldbench.runs.cell import Cell
from coldbench.runs.folder import FITTED, PRETRAINED, Folder
from coldbench.runs.jobs import Compute, Fit, Job, Pretrain

TRIES = 3  # attempts for a job whose worker dies, since a lost node takes unrelated jobs with it


class JobSource(Protocol):
    """A source of jobs that are not known beforehand, such as the trials of a search."""

    def next(self, waiting: Sequence[Job]) -> Job | None:
        """The next job; None for now, such as while jobs wait for a stage that is being made."""

    @property
    def empty(self) -> bool:
        """Whether the source has no more jobs."""


class Queue:
    """Hands out jobs: shared stages before the jobs that start from them, and longer jobs before shorter ones.

    Backbones come first, then methods that several jobs start from. Other jobs follow in their given order if none like
    them has been timed yet, then by decreasing duration, so that no worker starts the longest job when all others
    are done. A job is expected to take as long as the last one of its kind, or else as that of its method on another
    backbone.

    Args:
        jobs: The jobs to run.
        folder: The run folder, which may already hold shared stages.
        source: A source of further jobs.
    """

    def __init__(self, jobs: Sequence[Job], folder: Folder, source: JobSource | None = None) -> None:
        self.running = 0
        self.stopped = False
        self._folder = folder
        self._source = source
        self._pending: list[Job] = []
        self._made: set[str] = set()  # keys of finished stages
        self._making: set[str] = set()  # keys of stages that a queued or running job makes
        self._tries: Counter[Job] = Counter()
        self._seconds: dict[tuple[str, ...], float] = {}  # by the work of jobs, and by the work of similar ones
        shared = Counter(cell.fitted_key for job in jobs for cell in job.cells if cell.fits)
        for job in jobs:
            self._admit(job, lambda cell: shared[cell.fitted_key] > 1)

    def next(self) -> Job | None:
        """The next job, or None if all remaining jobs wait for a stage."""
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
        """Records that a job has ended.

        Args:
            job: The job.
            succeeded: Whether the job left its result.
            seconds: The job's duration.

        Returns:
            The jobs that were waiting for a stage that will now never be made.
        """
        self.running -= 1
        self._seconds |= {job.work: seconds, job.similar: seconds}
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
        """Puts back a job whose worker died, or returns False if the job has used up its tries."""
        if self._tries[job] >= TRIES:
            return False
        self.running -= 1
        self._pending.append(job)
        return True

    def stop(self) -> None:
        """Hands out no more jobs; running jobs may finish."""
        self.stopped = True

    @property
    def waiting(self) -> tuple[Job, ...]:
        """The jobs that are not handed out yet, each behind the stages that it needs."""
        return tuple(self._pending)

    @property
    def finished(self) -> bool:
        """Whether no job is running, and none is left to hand out."""
        exhausted = not self._pending and (self._source is None or self._source.empty)
        return not self.running and (self.stopped or exhausted)

    def _admit(self, job: Job, shares_fit: Callable[[Cell], bool]) -> None:
        """Queues a job, preceded by jobs for the stages that it needs and that nobody makes yet."""
        needs = job.needs
        for cell in job.cells:
            if cell.pretrained_key in needs and self._is_missing(PRETRAINED, cell, cell.pretrained_key):
                self._make(Pretrain((cell,)))
            if cell.fitted_key in needs and shares_fit(cell) and self._is_missing(FITTED, cell, cell.fitted_key):
                self._make(Fit((cell,)))
        self._pending.append(job)

    def _is_missing(self, stage: str, cell: Cell, key: str) -> bool:
        """Whether a stage is neither finished nor being made."""
        if key in self._made or key in self._making:
            return False
        if self._folder.has_trained(stage, cell):
            self._made.add(key)
            return False
        return True

    def _make(self, job: Pretrain | Fit) -> None:
        self._making.add(job.makes)
        self._pending.append(job)

    def _awaited(self, job: Job) -> frozenset[str]:
        """The keys of the stages that a job waits for."""
        return job.needs & self._making

    def _ready(self) -> Job | None:
        ready = [job for job in self._pending if not self._awaited(job)]
        for kind in (Pretrain, Fit):
            first = next((job for job in ready if isinstance(job, kind)), None)
            if first is not None:
                return first
        return max(ready, key=self._expected, default=None)  # the first among the longest

    def _expected(self, job: Job) -> float:
        return self._seconds.get(job.work, self._seconds.get(job.similar, math.inf))


def computations(cells: Sequence[Cell]) -> list[Job]:
    """One job per cell."""
    return [Compute((cell,)) for cell in cells]
