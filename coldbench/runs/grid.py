"""``run``: computes the missing cells of a plan, records failures, and keeps finished results."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from coldbench.core.storage import place
from coldbench.runs import runfile
from coldbench.runs.cell import Cell
from coldbench.runs.folder import Folder
from coldbench.runs.jobs import Job, Report
from coldbench.runs.plan import Plan
from coldbench.runs.progress import Watch
from coldbench.runs.queue import Queue, computations
from coldbench.runs.session import Desk, Session
from coldbench.runs.trackers.board import Board
from coldbench.runs.trackers.entries import cell_entry


@dataclass(frozen=True)
class Failure:
    """A cell that raised, or whose worker died."""

    cell: Cell
    reason: str


@dataclass(frozen=True)
class Progressed:
    """The outcome of a run.

    Attributes:
        cells: The number of cells in the plan.
        reused: The number of cells that had been finished before.
        failures: The cells that failed; failures are never cached.
        unfinished: The number of cells left over by an interruption.
        stopped: Whether the run was stopped while cells were being computed.
    """

    cells: int
    reused: int
    failures: tuple[Failure, ...]
    unfinished: int
    stopped: bool = False


def run(plan: Plan, alone: bool = False) -> Progressed:
    """Computes the cells that are missing from the run folder.

    Args:
        plan: The cells, and where and how to run.
        alone: Whether each cell runs in a process of its own; cells with a plugin file always do.

    Raises:
        InputError: The run folder cannot be written, or the Ray cluster or a tracker cannot be reached.
    """
    folder = Folder(place(plan.options.out))
    session = Session(plan.options, plan.cells[0].device, plan.datasets, folder, alone=alone)
    session.open()
    todo = [cell for cell in plan.cells if folder.record(cell) is None]
    reused = len(plan.cells) - len(todo)
    failures: list[Failure] = []
    stopped = False
    if todo:
        watch = Watch(len(plan.cells), reused)
        board = Board(plan.options.track, folder.path, watch.say)
        runfile.keep(plan, folder.path)
        with watch, board:
            stopped = session.work(Queue(computations(todo), folder), _GridDesk(folder, watch, board, failures))
    with suppress(OSError):  # a full disk; the failures themselves report it
        folder.save_failures({str(failure.cell): failure.reason for failure in failures})
    failed = {failure.cell.key for failure in failures}  # another run may have finished such a cell meanwhile
    unfinished = sum(cell.key not in failed and folder.record(cell) is None for cell in todo)
    return Progressed(len(plan.cells), reused, tuple(failures), unfinished, stopped)


@dataclass(frozen=True)
class _GridDesk(Desk):
    """Reports the cells of a grid as they end, and collects the failed ones."""

    folder: Folder
    watch: Watch
    board: Board
    failures: list[Failure]

    def succeeded(self, job: Job, seconds: float, reports: list[Report]) -> str | None:
        """Reports a finished job; returns a reason if its cell's record is missing."""
        if job.makes is not None:
            self.watch.stage(f"{job.done} {job.name}")
            return None
        (cell,) = job.cells
        record = self.folder.record(cell)
        if record is None:
            return "its record is gone; is --out on storage that all nodes share?"
        self.watch.finished(record)
        self.board.log(lambda: cell_entry(cell, record["phases"], self.folder.path))
        return None

    def failed(self, job: Job, reason: str, seconds: float, reports: list[Report]) -> None:
        """Reports and collects a failed cell."""
        cell = job.cells[0]
        self.failures.append(Failure(cell, reason))
        self.watch.failed(job.name, reason)
        self.board.log(lambda: cell_entry(cell, [], self.folder.path, reason))

    def say(self, text: str) -> None:
        """Prints a line."""
        self.watch.say(text)
