"""``coldbench verify`` on the folder of a simulation: runs its tasks again and compares their files byte by byte."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from coldbench.core.errors import InputError
from coldbench.core.storage import Place, place
from coldbench.online.folder import RUNS, Simulations
from coldbench.online.options import SimulateOptions
from coldbench.online.plan import make_plan
from coldbench.online.run import run
from coldbench.runs.options import Options, read_into
from coldbench.runs.runfile import NAME


@dataclass(frozen=True)
class Verification:
    """The outcome of a verification: for each task, whether its file has the same bytes, and why not."""

    findings: dict[str, str]

    @property
    def same(self) -> bool:
        """Whether every task gave the same bytes again."""
        return not any(self.findings.values())

    def text(self) -> str:
        """One line per task."""
        lines = [f"different  {task}: {why}" if why else f"same       {task}" for task, why in self.findings.items()]
        same = sum(not why for why in self.findings.values())
        return "\n".join([*lines, f"{same} of {len(lines)} runs are the same, bit for bit"])


def is_simulation(location: str) -> bool:
    """Whether a folder is that of a simulation."""
    return (place(location) / RUNS).is_dir()


def verify(location: str, sample: int | None, data_dir: str | None, how: Options) -> Verification:
    """Runs the tasks of a simulation's last command again in a temporary folder.

    Args:
        location: The folder; nothing in it is changed.
        sample: The number of tasks, drawn at random; None for all.
        data_dir: The folder with the raw files.
        how: How many tasks at once.

    Raises:
        InputError: The folder has no ``run.toml``, or a task needs a plugin or data that are not available.
    """
    out = place(location)
    if not isinstance(out, Path):
        raise InputError(f"{location} is in remote storage; copy it to a folder to verify it")
    options = read_into(SimulateOptions, {"data_dir": data_dir}, out / NAME)
    with tempfile.TemporaryDirectory(prefix="coldbench-verify-") as scratch:
        plan = make_plan(replace(options, out=scratch, jobs=how.jobs))
        tasks = plan.tasks
        if sample is not None and sample < len(tasks):
            tasks = tuple(random.SystemRandom().sample(tasks, sample))
        run(replace(plan, tasks=tasks))
        pairs = {str(task): (Simulations(out).file(task), Simulations(Path(scratch)).file(task)) for task in tasks}
        return Verification({task: _difference(*files) for task, files in pairs.items()})


def _difference(before: Place, after: Place) -> str:
    """Why a task's file is not the same; empty if it is."""
    try:
        first, second = before.read_bytes(), after.read_bytes()
    except FileNotFoundError as error:
        missing = Path(str(error.filename)) == before
        return "the code, the data or the versions changed since" if missing else "it could not be computed again"
    return "" if first == second else "other bytes"
