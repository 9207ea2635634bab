"""The cells of a run: what is missing is computed, what fails is named, what is finished stays."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from coldbench.core.storage import place
from coldbench.run import runfile
from coldbench.run.cell import Cell
from coldbench.run.cluster import at_once, connected, jobs, reach
from coldbench.run.engine import compute
from coldbench.run.folder import Folder
from coldbench.run.interrupts import interrupts
from coldbench.run.options import Options
from coldbench.run.plan import Plan
from coldbench.run.progress import Watch
from coldbench.run.queue import TRIES, Queue, Task


@dataclass(frozen=True)
class Failure:
    """A cell that raised, or whose worker died."""

    cell: Cell
    reason: str


@dataclass(frozen=True)
class Progressed:
    """What a run came to.

    Attributes:
        cells: How many cells the plan has.
        reused: How many of them were finished before.
        failures: Those that failed; they are never cached.
        unfinished: Those that an interruption left out.
        stopped: Whether it was stopped in the middle of cells.
    """

    cells: int
    reused: int
    failures: tuple[Failure, ...]
    unfinished: int
    stopped: bool = False


def run(plan: Plan) -> Progressed:
    """Computes the cells that the run's folder lacks.

    Raises:
        InputError: The folder cannot be written, or the Ray cluster cannot be reached.
    """
    if plan.options.address:
        reach(plan.options.address)
    folder = Folder(place(plan.options.out))
    folder.prepare()
    todo = [cell for cell in plan.cells if folder.record(cell) is None]
    reused = len(plan.cells) - len(todo)
    failures: list[Failure] = []
    stopped = False
    if todo:
        runfile.keep(plan, folder.path)
        try:
            with Watch(len(plan.cells), reused) as watch, connected(plan.options):
                _run(plan, folder, todo, watch, failures)
        except KeyboardInterrupt:
            stopped = True
    with suppress(OSError):  # a full disk, of which the failures themselves tell
        folder.save_failures({str(failure.cell): failure.reason for failure in failures})
    failed = {failure.cell.key for failure in failures}  # another run may have finished such a cell meanwhile
    unfinished = sum(cell.key not in failed and folder.record(cell) is None for cell in todo)
    return Progressed(len(plan.cells), reused, tuple(failures), unfinished, stopped)


def _run(plan: Plan, folder: Folder, todo: Sequence[Cell], watch: Watch, failed: list[Failure]) -> None:
    """Computes cells, each missing backbone once; appends to ``failed``."""
    queue = Queue(todo, {cell.pretrained_key for cell in todo if folder.pretrained(cell) is not None})
    options = plan.options

    def fail(cell: Cell, reason: str) -> None:
        failed.append(Failure(cell, reason))
        watch.failed(str(cell), reason)

    def ended(task: Task, reason: str | None, seconds: float) -> None:
        cell = task.cell
        waiting = queue.ended(task, reason is None, seconds)
        if task.pretrains and reason is None:
            variant = f" for {cell.method.label}" if cell.changes_pretraining else ""
            watch.pretrained(f"{cell.dataset.label} / {cell.backbone.label} / seed {cell.seed}{variant}")
        elif task.pretrains:
            for left in waiting:
                fail(left, f"pretraining failed: {reason}")
        elif (record := folder.record(cell)) is not None and reason is None:
            watch.finished(record)
        else:
            fail(cell, reason or "its record is gone; is --out on storage that all nodes share?")

    def died(task: Task, seconds: float) -> None:
        if options.cell_timeout is not None and seconds >= options.cell_timeout:
            ended(task, f"it took longer than --cell-timeout, {options.cell_timeout:g} s", seconds)
        elif queue.again(task):
            watch.say(f"again: {task.cell}: its worker died")
        else:
            ended(task, f"its worker died {TRIES} times (killed, or out of memory?)", seconds)

    def stop() -> None:
        queue.stop()
        watch.say("stopping after the cells that are being computed; once more stops now")

    with interrupts(stop):
        compute(
            queue,
            ended,
            died,
            resources(options, todo[0].device),
            (options.cell_timeout, options.memory_per_cell),
            at_once(options),
            datasets=plan.datasets,
            folder=folder,
        )


def resources(options: Options, device: str) -> dict[str, float]:
    """What a cell takes of a machine."""
    share = 1.0 / jobs(options) if device == "cuda" else 0.0
    return {
        "cpu": options.cpus_per_cell,
        "gpu": share if options.gpus_per_cell is None else options.gpus_per_cell,
    }
