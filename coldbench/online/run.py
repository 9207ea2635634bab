"""``run``: computes the missing tasks of a plan on the engine that all commands share."""

from __future__ import annotations

from dataclasses import dataclass

from coldbench.core.storage import place
from coldbench.online import runfile
from coldbench.online.folder import Simulations
from coldbench.online.jobs import DAY, Simulate
from coldbench.online.plan import SimulationPlan
from coldbench.runs.jobs import Job, Report
from coldbench.runs.progress import Watch
from coldbench.runs.queue import Queue
from coldbench.runs.session import Desk, Session


@dataclass(frozen=True)
class Simulated:
    """The outcome of a simulation.

    Attributes:
        tasks: The number of tasks in the plan.
        reused: The number of tasks that had been finished before.
        failures: The reasons why tasks failed, by task.
        unfinished: The number of tasks left over by an interruption.
        stopped: Whether the run was stopped while tasks were running.
    """

    tasks: int
    reused: int
    failures: dict[str, str]
    unfinished: int
    stopped: bool = False


def run(plan: SimulationPlan) -> Simulated:
    """Computes the tasks that are missing from the folder.

    Raises:
        InputError: The folder cannot be written, or the Ray cluster cannot be reached.
    """
    folder = Simulations(place(plan.options.out))
    session = Session(plan.options, plan.tasks[0].setting.device, plan.datasets, folder)
    session.open()
    todo = [task for task in plan.tasks if not folder.is_done(task)]
    reused = len(plan.tasks) - len(todo)
    failures: dict[str, str] = {}
    stopped = False
    if todo:
        runfile.keep(plan, folder.path)
        with Watch(len(plan.tasks), reused) as watch:
            for task in todo:
                if task.source is not None and folder.learned(task) is None:
                    watch.say(f"learning the truth of {task.world.label}")
                    folder.save_learned(task, task.learn(plan.datasets[task.source.label]))
            jobs: list[Job] = [Simulate((), task) for task in todo]
            stopped = session.work(Queue(jobs, folder), _Desk(folder, watch, failures))
    unfinished = sum(str(task) not in failures and not folder.is_done(task) for task in todo)
    return Simulated(len(plan.tasks), reused, failures, unfinished, stopped)


@dataclass(frozen=True)
class _Desk(Desk):
    """Reports the days and the ends of tasks, and collects those that failed."""

    folder: Simulations
    watch: Watch
    failures: dict[str, str]

    def reported(self, job: Job, report: Report) -> None:
        """Reports a day that has ended."""
        if DAY in report and isinstance(job, Simulate):
            own = job.task.setting
            self.watch.say(f"{job.name}: day {report[DAY]} of {own.own.burn_in + own.days}")

    def succeeded(self, job: Job, seconds: float, reports: list[Report]) -> str | None:
        """Reports a finished task; returns a reason if its result is missing."""
        assert isinstance(job, Simulate)
        if not self.folder.is_done(job.task):
            return "its result is gone; is --out on storage that all nodes share?"
        self.watch.ended(f"{job.name}: {seconds:,.0f} s")
        return None

    def failed(self, job: Job, reason: str, seconds: float, reports: list[Report]) -> None:
        """Reports and collects a failed task."""
        self.failures[job.name] = reason
        self.watch.failed(job.name, reason)

    def say(self, text: str) -> None:
        """Prints a line."""
        self.watch.say(text)
