"""``Simulate``: the job of a task on the engine that all commands share."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from coldbench.data.dataset import Dataset
from coldbench.data.world import Ground, Learned
from coldbench.online.experiment import Experiment
from coldbench.online.folder import Simulations
from coldbench.online.models import Models
from coldbench.online.task import Task
from coldbench.plugins.file import PluginFile
from coldbench.runs.jobs import Job, Report, Workshop
from coldbench.runs.provenance import commit, versions

DAY = "day"  # key of a report: the number of days that have ended
_LAST: dict[str, tuple[Ground, Models]] = {}  # of this process; a plan's tasks of one world follow each other


@dataclass(frozen=True)
class Simulate(Job):
    """Runs one task.

    Attributes:
        task: The task.
    """

    task: Task
    doing, done = "simulating", "simulated"

    @property
    def name(self) -> str:
        """The job's name in messages."""
        return str(self.task)

    @cached_property
    def needs(self) -> frozenset[str]:
        """No stage that another job makes."""
        return frozenset()

    @cached_property
    def work(self) -> tuple[str, ...]:
        """A key of its own, so that the queue keeps the plan's order and tasks of one world follow each other."""
        return type(self).__name__, self.task.key

    @property
    def plugin_files(self) -> tuple[PluginFile, ...]:
        """The plugin files that the task needs."""
        return self.task.plugin_files

    def run(self, shop: Workshop) -> Iterator[Report]:
        """Saves the task's result, unless another run has done so already; reports after each day."""
        folder, task = shop.folder, self.task
        assert isinstance(folder, Simulations)
        if folder.is_done(task):
            return
        started, began = time.perf_counter(), time.process_time()
        log = None if task.source is None else shop.datasets[task.source.label]
        learned = {} if task.source is None else folder.learned(task)
        if learned is None:
            raise FileNotFoundError("what the world learned is gone; is --out on storage that all nodes share?")
        ground, models = _prepared(task, log, learned)
        experiment = Experiment(task.setting, ground, models)
        for day in experiment.days():
            yield {DAY: day}
        costs = {
            "task": str(task),
            "seconds": time.perf_counter() - started,
            "cpu_seconds": time.process_time() - began,
            "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "commit": commit(),
            "versions": versions(),
        }
        folder.save_run(task, experiment.arrays(), ground.card, costs)


def _prepared(task: Task, log: Dataset | None, learned: Learned) -> tuple[Ground, Models]:
    """A task's world and its models; those of the process's task before, if it was of the same world.

    A model is trained in one way, whichever task asks for it first, so that this changes no bit of a result.
    """
    if task.prepared_key not in _LAST:
        _LAST.clear()
        ground = task.ground(log, learned)
        _LAST[task.prepared_key] = ground, task.setting.models(ground)
    return _LAST[task.prepared_key]
