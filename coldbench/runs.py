"""A whole run: plan, grid, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldbench.plan import Plan, make_plan, read_options
from coldbench.records import Folder
from coldbench.report.write import write_report


@dataclass(frozen=True)
class Result:
    """What to tell the user, and the exit code: 0, or 1 where cells failed or are left to do."""

    text: str
    code: int


def run(flags: Mapping[str, Any], config: Path | None, dry_run: bool) -> Result:
    """Runs what the flags and the TOML file say, and writes the report.

    Raises:
        InputError: Anything that the user can put right.
    """
    from coldbench import grid

    plan = make_plan(read_options(flags, config))
    if dry_run:
        return Result(_described(plan), 0)
    came = grid.run(plan)
    lines = []
    if came.failures or came.unfinished:
        failed = [f"failed: {failure.cell}: {failure.reason}" for failure in came.failures]
        left = [f"{came.unfinished} cells are left to do"] if came.unfinished else []
        lines = [*failed, *left, "the same command goes on where this one ended"]
    if len(came.failures) + came.unfinished < came.cells:
        report = write_report(Path(plan.options.out))
        lines = [report.summary, *lines, f"{came.cells} cells, {came.reused} of them reused", f"report: {report.path}"]
    return Result("\n".join(lines), 1 if came.failures or came.unfinished else 0)


def _described(plan: Plan) -> str:
    folder = Folder(Path(plan.options.out))
    todo = [cell for cell in plan.cells if folder.record(cell) is None]
    backbones = {cell.pretrained_key for cell in todo if folder.pretrained(cell) is None}
    lines = [f"{'to do' if cell in todo else 'done '}  {cell}" for cell in plan.cells]
    return "\n".join([*lines, f"{len(plan.cells)} cells, {len(todo)} to do, {len(backbones)} backbones to pretrain"])
