"""``coldbench run`` and ``coldbench report``: plan, grid, report."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldbench.core.storage import place
from coldbench.report.analysis.names import counted
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.write import Report, write_report
from coldbench.runs import grid
from coldbench.runs.estimate import estimate
from coldbench.runs.folder import FAILURES, PARTS, PRETRAINED, Folder
from coldbench.runs.options import read_options
from coldbench.runs.plan import Plan, make_plan


@dataclass(frozen=True)
class Result:
    """The text for the user, and the exit code: 0, 1 if cells failed or are left over, or 130 after a stop."""

    text: str
    code: int


def run(flags: Mapping[str, Any], config: Path | None, dry_run: bool) -> Result:
    """Computes the grid that the flags and the TOML file describe, and writes the report.

    Raises:
        InputError: An option is wrong, a dataset is not available, or the folder cannot be written.
    """
    plan = make_plan(read_options(flags, config))
    if dry_run:
        return Result(_described(plan), 0)
    came = grid.run(plan)
    lines = []
    if came.failures or came.unfinished:
        failed = [f"failed: {failure.cell}: {failure.reason}" for failure in came.failures]
        left = [f"{counted(came.unfinished, 'cell')} left to do"] if came.unfinished else []
        lines = [*failed, *left, "the same command goes on where this one ended"]
    if came.stopped:
        return Result("\n".join(["stopped", *lines]), 130)
    if len(came.failures) + came.unfinished < came.cells:
        written = report(plan.options.out)
        lines = [
            written.summary,
            *lines,
            f"{counted(came.cells, 'cell')}, {came.reused:,} of them reused",
            f"report: {written.path}",
        ]
    return Result("\n".join(lines), 1 if came.failures or came.unfinished else 0)


def report(location: str, question: ReportOptions | None = None) -> Report:
    """Writes the report of a run folder; a folder in remote storage is copied first.

    Raises:
        InputError: The folder is not a run folder, has no finished cell, or cannot be written.
    """
    out = place(location)
    if isinstance(out, Path):
        return write_report(out, question)
    Folder(out).finished()
    with tempfile.TemporaryDirectory(prefix="coldbench-report-") as scratch:
        for part in (*PARTS, FAILURES):
            out.fetch(part, Path(scratch))
        written = write_report(Path(scratch), question, out.name)
        out.send(Path(scratch) / "report")
    return Report(out / "report" / written.path.name, written.summary)


def _described(plan: Plan) -> str:
    folder = Folder(place(plan.options.out))
    todo = {cell.key: cell for cell in plan.cells if folder.record(cell) is None}
    backbones = {cell.pretrained_key for cell in todo.values() if not folder.has_trained(PRETRAINED, cell)}
    lines = [f"{'to do' if cell.key in todo else 'done '}  {cell}" for cell in plan.cells]
    cells, pretrained = counted(len(plan.cells), "cell"), counted(len(backbones), "backbone")
    counts = f"{cells}, {len(todo):,} to do, {pretrained} to pretrain"
    return "\n".join([*lines, counts, *estimate(plan, list(todo.values()), _say)])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
