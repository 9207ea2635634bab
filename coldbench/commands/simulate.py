"""``coldbench simulate``: plan, run, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldbench.core.storage import place
from coldbench.online.estimate import estimate
from coldbench.online.folder import Simulations
from coldbench.online.options import SimulateOptions
from coldbench.online.plan import SimulationPlan, make_plan
from coldbench.online.run import run
from coldbench.report.simulation import write_simulation
from coldbench.runs.options import read_into


@dataclass(frozen=True)
class Result:
    """The text for the user, and the exit code: 0, 1 if tasks failed or are left over, or 130 after a stop."""

    text: str
    code: int


def simulate(flags: Mapping[str, Any], config: Path | None, dry_run: bool) -> Result:
    """Runs the simulation that the flags and the TOML file describe, and writes its report.

    Raises:
        InputError: An option is wrong, a dataset is not available, or the folder cannot be written.
    """
    plan = make_plan(read_into(SimulateOptions, flags, config))
    if dry_run:
        return Result(_described(plan), 0)
    came = run(plan)
    left = len(came.failures) + came.unfinished
    lines = [f"failed: {name}: {reason}" for name, reason in came.failures.items()]
    if left:
        lines += [f"{left} task{'s' * (left != 1)} to do; the same command goes on where this one ended"]
    if came.stopped:
        return Result("\n".join(["stopped", *lines]), 130)
    if left < came.tasks:
        written = write_simulation(Simulations(place(plan.options.out)), plan.options.effects(), plan.named)
        done = f"{came.tasks} tasks, {came.reused} of them reused"
        lines = [written.summary, *lines, done, f"report: {written.path}"]
    return Result("\n".join(lines), 1 if left else 0)


def _described(plan: SimulationPlan) -> str:
    folder = Simulations(place(plan.options.out))
    todo = [task for task in plan.tasks if not folder.is_done(task)]
    lines = [f"{'to do' if task in todo else 'done '}  {task}" for task in plan.tasks]
    return "\n".join([*lines, f"{len(plan.tasks)} tasks, {len(todo)} to do", *estimate(plan, len(todo))])
