"""What the trials of a run do, and in which order: a backbone before the methods on it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from coldbench.data.dataset import Dataset
from coldbench.run.cell import Cell
from coldbench.run.folder import Folder

TRIES = 3  # of a task whose worker dies: a lost node takes others' tasks with it


@dataclass(frozen=True)
class Task:
    """What one trial does: pretrain a cell's backbone, or take its method through the phases."""

    cell: Cell
    pretrains: bool

    def run(self, datasets: dict[str, Dataset], folder: Folder) -> None:
        """Computes it in a worker, and leaves its result in the run's folder, unless another run was first."""
        dataset = datasets[self.cell.dataset.label]
        pretrained = folder.pretrained(self.cell)
        if self.pretrains:
            if pretrained is None:
                folder.save_pretrained(self.cell, self.cell.pretrain(dataset))
            return
        if folder.record(self.cell) is not None:
            return
        if pretrained is None:
            raise FileNotFoundError(f"the pretrained backbone of {self.cell} is gone")
        outcomes, split = self.cell.warm_up(dataset, pretrained)
        folder.save(self.cell, dataset, pretrained, outcomes, split)


class Queue:
    """The tasks of a run in an order that keeps workers busy to the end.

    Backbones come first, and a method as soon as its backbone is there: those that nobody has timed yet in the order of
    ``cells``, then those that took longest, so that no worker starts the longest when the others are done.

    Args:
        cells: What to compute.
        pretrained: Keys of the backbones that are there already.
    """

    def __init__(self, cells: Sequence[Cell], pretrained: set[str]) -> None:
        first = {cell.pretrained_key: cell for cell in reversed(cells) if cell.pretrained_key not in pretrained}
        self._backbones = [Task(cell, True) for cell in cells if first.get(cell.pretrained_key) is cell]
        self._waiting = {key: [cell for cell in cells if cell.pretrained_key == key] for key in first}
        self._ready = [Task(cell, False) for cell in cells if cell.pretrained_key in pretrained]
        self._tries: Counter[Task] = Counter()
        self._seconds: dict[tuple[str, str, str], float] = {}
        self.running = 0
        self.stopped = False

    def next(self) -> Task | None:
        """The next task, or None where all that are left wait for a backbone."""
        ready = self._backbones or self._ready
        if self.stopped or not ready:
            return None
        task = ready[0] if ready[0].pretrains else max(ready, key=self._expected)  # the first of the longest
        ready.remove(task)
        self.running += 1
        self._tries[task] += 1
        return task

    def _expected(self, task: Task) -> float:
        return self._seconds.get(_work(task), math.inf)

    def ended(self, task: Task, succeeded: bool, seconds: float) -> list[Cell]:
        """Cells that waited for the task are next in turn, or will never run. Returns them.

        Args:
            task: What ended.
            succeeded: Whether it left its result.
            seconds: How long it took.
        """
        self.running -= 1
        if not task.pretrains:
            self._seconds[_work(task)] = seconds
            return []
        cells = self._waiting.pop(task.cell.pretrained_key)
        self._ready += [Task(cell, False) for cell in cells] if succeeded else []
        return cells

    def again(self, task: Task) -> bool:
        """Puts a task back whose worker died. Returns False, and does nothing, where it was tried often enough."""
        if self._tries[task] >= TRIES:
            return False
        self.running -= 1
        (self._backbones if task.pretrains else self._ready).append(task)
        return True

    def stop(self) -> None:
        """Hands out no more tasks; those that run may end."""
        self.stopped = True

    @property
    def finished(self) -> bool:
        """Whether no task is left, nor any that waits for a backbone or may have to be done again."""
        return not self.running and (self.stopped or not (self._backbones or self._ready or self._waiting))


def _work(task: Task) -> tuple[str, str, str]:
    """What tasks have in common that take about as long."""
    return task.cell.dataset.label, task.cell.protocol.label, task.cell.method.label
