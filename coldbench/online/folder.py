"""``Simulations``: the folder of a simulation, on disk or in remote storage.

It contains ``simulations/*.npz`` (what a finished task counted; the same task gives the same bytes),
``simulations/*.json`` (its costs and provenance) and ``truths/*.npz`` (what worlds learned from real logs).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from coldbench.core.atomic import write_bytes, write_text
from coldbench.core.config import as_dict, text
from coldbench.core.errors import InputError
from coldbench.core.storage import Place
from coldbench.data.world import Learned
from coldbench.online.assumptions import Assumptions
from coldbench.online.task import Task
from coldbench.runs.folder import Folder

RUNS, TRUTHS = "simulations", "truths"
_BAD = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


@dataclass(frozen=True)
class Simulation:
    """The result of a task.

    Attributes:
        about: What was run, as ``Task.describe`` says, and the world's card.
        arrays: What was counted, by name.
    """

    about: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def scenario(self) -> str:
        """The world with its sizes, and every assumption that differs from its default."""
        usual = as_dict(Assumptions())
        changed = {name: value for name, value in self.about["assumptions"].items() if value != usual.get(name)}
        sizes = f"{self.about['users']:,} users, {self.about['days']} days"
        return ", ".join([self.about["world"], sizes, *(f"{name}={text(value)}" for name, value in changed.items())])


@dataclass(frozen=True)
class Simulations(Folder):
    """The folder of one simulation."""

    parts: ClassVar[tuple[str, ...]] = (RUNS, TRUTHS)

    def file(self, task: Task) -> Place:
        """The file of a task's result."""
        return self.path / RUNS / f"{task.stem}.npz"

    def is_done(self, task: Task) -> bool:
        """Whether a task has a whole result."""
        found = read(self.file(task))
        return found is not None and found.about["key"] == task.key

    def save_run(
        self, task: Task, arrays: Mapping[str, np.ndarray], card: tuple[tuple[str, str], ...], costs: dict[str, Any]
    ) -> None:
        """Writes a task's costs, then its result, in place of those of the same task by other code."""
        same = [*task.describe().keys() - {"key", "code"}]
        for file in [*(self.path / RUNS).glob(f"{task.stem.rpartition('-')[0]}-*.npz")]:
            other = read(file)
            if other is not None and all(other.about[name] == task.describe()[name] for name in same):
                file.unlink()
        about = json.dumps(task.describe() | {"card": [list(line) for line in card]}, sort_keys=True)
        write_text(self.path / RUNS / f"{task.stem}.json", json.dumps(costs, indent=1))
        write_bytes(self.file(task), packed({**arrays, "about": np.array(about)}))

    def simulations(self) -> list[Simulation]:
        """All whole results, sorted by file name.

        Raises:
            InputError: There is none, or the folder is not one of a simulation.
        """
        folder = self.path / RUNS
        if not folder.is_dir():
            raise InputError(f"{self.path} holds no simulation; give the --out of a coldbench simulate")
        files: list[Place] = sorted(folder.glob("*.npz"), key=str)
        found = [simulation for simulation in map(read, files) if simulation is not None]
        if not found:
            raise InputError(f"{self.path} holds no finished simulation yet; run coldbench simulate --out {self.path}")
        return found

    def costs(self) -> list[dict[str, Any]]:
        """Seconds, memory and provenance of the tasks, sorted by file name."""
        files: list[Place] = sorted((self.path / RUNS).glob("*.json"), key=str)
        return [json.loads(file.read_text()) for file in files]

    def learned(self, task: Task) -> Learned | None:
        """What the task's world learned from its dataset; None if that is missing or damaged."""
        try:
            return unpacked(self._truth(task).read_bytes())
        except _BAD:
            return None

    def save_learned(self, task: Task, learned: Learned) -> None:
        """Writes what the task's world learned from its dataset."""
        write_bytes(self._truth(task), packed(learned))

    def _truth(self, task: Task) -> Place:
        return self.path / TRUTHS / f"{task.world.name}-{task.learned_key[:16]}.npz"


def read(file: Place) -> Simulation | None:
    """Reads a result; None if it is missing or damaged."""
    try:
        arrays = unpacked(file.read_bytes())
        return Simulation(json.loads(str(arrays.pop("about"))), arrays)
    except _BAD:
        return None


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays by name as the bytes of a compressed npz file; equal arrays give equal bytes."""
    sink = io.BytesIO()
    np.savez_compressed(sink, allow_pickle=False, **arrays)
    return sink.getvalue()


def unpacked(content: bytes) -> dict[str, np.ndarray]:
    """The arrays of an npz file."""
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}
