"""Makes the entry of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from coldbench.core.storage import Place
from coldbench.runs.cell import Cell
from coldbench.runs.trackers.tracker import Entry, flat


def about(cell: Cell, out: Place) -> dict[str, str]:
    """The texts that all entries of a run folder have: what was run, and where the report is."""
    labels = {name: cell.labels[name] for name in ("dataset", "backbone", "method")}
    return {**labels, "protocol": cell.protocol.label, "folder": str(out), "report": str(out / "report" / "index.html")}


def cell_entry(cell: Cell, phases: Sequence[Mapping[str, Any]], out: Place, reason: str | None = None) -> Entry:
    """The entry of a cell.

    Args:
        cell: The cell.
        phases: The phases of its record; none if it failed.
        out: The run folder.
        reason: The reason why it failed; None if it did not.
    """
    points = {phase["phase"]: _numbers(phase) for phase in phases}
    return Entry(
        name=str(cell),
        key=cell.stem,
        config=flat(cell.describe()["config"]) | {"seed": cell.seed},
        curve=[*points.values()],
        final={f"{name}/{metric}": value for name, point in points.items() for metric, value in point.items()},
        about={**about(cell, out), "phases": ", ".join(points), "key": cell.key},
        reason=reason,
    )


def _numbers(phase: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in phase.items() if isinstance(value, int | float)}
