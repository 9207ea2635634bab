"""``Session``: runs the jobs of any command on a local Ray or a cluster, with limits, interrupts and retries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from coldbench.data.dataset import Dataset
from coldbench.runs.cluster import at_once, connected, jobs, reach
from coldbench.runs.folder import Folder
from coldbench.runs.interrupts import interrupts
from coldbench.runs.jobs import Halving, Job, Report, Workshop
from coldbench.runs.options import Options
from coldbench.runs.queue import TRIES, Queue


class Desk(Protocol):
    """A command's handler for jobs that end: the only part of a session that differs between commands."""

    def succeeded(self, job: Job, seconds: float, reports: list[Report]) -> str | None:
        """Handles a job that ended normally; returns a reason if its result is missing nevertheless."""

    def failed(self, job: Job, reason: str, seconds: float, reports: list[Report]) -> None:
        """Handles a job that failed and will not be tried again."""

    def say(self, text: str) -> None:
        """Prints a line for the user."""

    def reported(self, job: Job, report: Report) -> None:
        """Handles a report of a job that goes on; most commands wait for its end."""
        return


@dataclass(frozen=True)
class Session:
    """Where and how jobs are run.

    Attributes:
        options: Where and how wide to run.
        device: ``cpu`` or ``cuda``.
        datasets: The datasets by label.
        folder: The run folder.
        halving: Early stopping of poorly scoring jobs, by group.
        alone: Whether each job runs in a process of its own.
    """

    options: Options
    device: str
    datasets: Mapping[str, Dataset]
    folder: Folder
    halving: Mapping[str, Halving] = field(default_factory=dict)
    alone: bool = False

    def open(self) -> None:
        """Checks that the cluster answers and prepares the run folder.

        Raises:
            InputError: The cluster does not answer, or the folder cannot be written.
        """
        if self.options.address:
            reach(self.options.address)
        self.folder.prepare()

    def work(self, queue: Queue, desk: Desk) -> bool:
        """Runs a queue's jobs, and returns whether it was stopped while jobs were running.

        The first Ctrl-C or SIGTERM lets running jobs finish; the second stops them at once.

        Raises:
            InputError: The Ray cluster rejects this process.
        """
        options = self.options

        def stop() -> None:
            queue.stop()
            desk.say("stopping after what is being computed; once more stops now")

        try:
            with connected(options):
                from coldbench.runs import engine  # ray takes seconds to import

                calls = engine.Calls(*_endings(queue, desk, options), desk.reported)
                capacity = engine.Capacity(
                    resources(options, self.device),
                    (options.cell_timeout, options.memory_per_cell),
                    at_once(options),
                )
                shop = Workshop(self.datasets, self.folder)
                with interrupts(stop):
                    engine.work_off(queue, calls, capacity, shop, self.halving, self.alone)
        except KeyboardInterrupt:
            return True
        return False


def _endings(queue: Queue, desk: Desk, options: Options) -> tuple[Any, Any]:
    """The callbacks for a job that ends and for a job whose worker dies."""

    def ended(job: Job, reason: str | None, seconds: float, reports: list[Report]) -> None:
        if reason is None:
            reason = desk.succeeded(job, seconds, reports)
        lost = queue.ended(job, reason is None, seconds)
        if reason is not None and job.makes is None:
            desk.failed(job, reason, seconds, reports)
        for other in lost:
            if other.makes is None:
                desk.failed(other, f"{job.doing} failed: {reason}", 0.0, [])

    def died(job: Job, seconds: float) -> None:
        if options.cell_timeout is not None and seconds >= options.cell_timeout:
            ended(job, f"it took longer than --cell-timeout, {options.cell_timeout:g} s", seconds, [])
        elif queue.again(job):
            desk.say(f"again: {job.name}: its worker died")
        else:
            ended(job, f"its worker died {TRIES} times (killed, or out of memory?)", seconds, [])

    return ended, died


def resources(options: Options, device: str) -> dict[str, float]:
    """The CPUs and GPUs that a job reserves."""
    share = 1.0 / jobs(options) if device == "cuda" else 0.0
    return {
        "cpu": options.cpus_per_cell,
        "gpu": share if options.gpus_per_cell is None else options.gpus_per_cell,
    }
