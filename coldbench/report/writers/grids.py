"""Entries and frames -> tables as the HTML page has them: cells that sort by value and filter by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from coldbench.protocol.metrics import METRICS
from coldbench.report.analysis.entries import Block, Entry, axes
from coldbench.report.analysis.names import BASELINE, PHASES, method_order
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.writers.tables import improvements, mark_of

_MEASURED = {  # column of the frame -> header, format
    **{name: (metric.title, metric.form) for name, metric in METRICS.items()},
    "sliced_wasserstein": ("gap: sliced Wasserstein", ".4f"),
    "mmd_squared": ("gap: MMD²", ".4f"),
    "steps": ("optimiser steps", ",.0f"),
    "seconds": ("seconds", ",.1f"),
}
_FAR = 0.01  # from the paper's number


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: What it shows.
        value: What it sorts by; None where it has none.
        beside: What stands small behind the text.
        mark: A class of the style sheet: best, worse, similar, better or far.
        note: What a pointer on it shows.
    """

    text: str
    value: float | None = None
    beside: str = ""
    mark: str = ""
    note: str = ""


@dataclass(frozen=True)
class Grid:
    """One table.

    Attributes:
        title: What it is, for who hears the page.
        header: The columns.
        names: How many columns, from the left, name a row.
        rows: As long as the header each.
        choices: Name columns to filter by, by place; more than one value each.
        stacked: Whether what stands beside a text goes below it.
    """

    title: str
    header: list[str]
    names: int
    rows: list[list[Cell]]
    choices: dict[int, list[str]]
    stacked: bool = False


def results(block: Block, title: str) -> Grid:
    """Table 1: methods by phase."""
    backbones, methods, phases = axes(block)
    rows = [
        [Cell(backbone), Cell(method), *(_entry(block.get((backbone, method, phase))) for phase in phases)]
        for backbone in backbones
        for method in methods
        if any((backbone, method, phase) in block for phase in phases)
    ]
    return grid(title, ["backbone", "method", *phases], 2, rows)


def gains(block: Block, options: ReportOptions, title: str) -> Grid:
    """Table 2: what a method adds to each backbone."""
    _, _, phases = axes(block)
    rows = []
    for backbone, method, percent in improvements(block, options):
        pairs = [(block[backbone, BASELINE, phase], block[backbone, method, phase]) for phase in phases]
        cells = [
            Cell(f"{gain:+.2f} %", gain, f"{_mean(base)} to {_mean(own)}")
            for gain, (base, own) in zip(percent, pairs, strict=True)
        ]
        rows.append([Cell(backbone), Cell(method), *cells])
    return grid(title, ["backbone", "method", *phases], 2, rows, stacked=True)


def published(block: Block, title: str) -> Grid:
    """Ours minus the paper's, where the paper has a number."""
    backbones, methods, phases = axes(block)
    phases = [p for p in phases if any(key[2] == p and entry.published is not None for key, entry in block.items())]
    rows = []
    for backbone in backbones:
        for method in methods:
            found = [block.get((backbone, method, phase)) for phase in phases]
            if any(entry is not None and entry.published is not None for entry in found):
                rows.append([Cell(backbone), Cell(method), *map(_against, found)])
    return grid(title, ["backbone", "method", *phases], 2, rows, stacked=True)


def measurements(frame: pd.DataFrame, title: str) -> Grid:
    """Means over seeds of everything that the records hold, a row per dataset, protocol, backbone, method and phase."""
    keys = [key for key in ("dataset", "protocol") if frame[key].nunique() > 1] + ["backbone", "method", "phase"]
    columns = [name for name in _MEASURED if name in frame]
    order = {method: place for place, method in enumerate(sorted(frame["method"].unique(), key=method_order))}
    means = frame.groupby(keys, sort=False)[columns].mean().reset_index()
    places = {"method": order, "phase": {phase: place for place, phase in enumerate(PHASES)}}
    means = means.sort_values(keys, key=lambda column: column.map(places.get(str(column.name), lambda value: value)))
    rows = [
        [*(Cell(str(line[key])) for key in keys), *(number(float(line[name]), _MEASURED[name][1]) for name in columns)]
        for _, line in means.iterrows()
    ]
    return grid(title, [*keys, *(_MEASURED[name][0] for name in columns)], len(keys), rows)


def texts(lines: pd.DataFrame, names: int, title: str) -> Grid:
    """A table that is ready to print, such as the appendix of tests; numbers sort by what they begin with."""
    rows = [
        [
            Cell(str(value)) if place < names else Cell(str(value), _leading(str(value)))
            for place, value in enumerate(line)
        ]
        for line in lines.itertuples(index=False)
    ]
    return grid(title, [str(name) for name in lines.columns], names, rows)


def grid(title: str, header: list[str], names: int, rows: Sequence[list[Cell]], stacked: bool = False) -> Grid:
    """A table of cells, with what its name columns can be filtered by."""
    values = {place: list(dict.fromkeys(row[place].text for row in rows)) for place in range(names)}
    choices = {place: found for place, found in values.items() if len(found) > 1}
    return Grid(title, header, names, list(rows), choices, stacked)


def _entry(entry: Entry | None) -> Cell:
    if entry is None:
        return Cell("")
    spread = f"± {entry.half:.4f}" if entry.seeds > 1 else ""
    notes = [f"{entry.seeds} seed{'s' * (entry.seeds != 1)}"]
    notes += [f"p = {entry.p:.2g} after Holm's correction"] if math.isfinite(entry.p) else []
    beside = " ".join(part for part in (spread, mark_of(entry)) if part)
    return Cell(f"{entry.mean:.4f}", entry.mean, beside, "best" if entry.best else entry.mark, ", ".join(notes))


def _mean(entry: Entry) -> str:
    return f"{entry.mean:.4f} {mark_of(entry)}".rstrip()


def _against(entry: Entry | None) -> Cell:
    if entry is None or entry.published is None:
        return Cell("")
    difference = entry.mean - entry.published
    far = "far" if abs(difference) > _FAR else ""
    return Cell(f"{difference:+.4f}", difference, f"{entry.mean:.4f} for {entry.published:.4f}", far)


def number(value: float | None, form: str, **more: str) -> Cell:
    """A number as a cell, empty where there is none."""
    return Cell("") if value is None or not math.isfinite(value) else Cell(f"{value:{form}}", value, **more)


def _leading(text: str) -> float | None:
    try:
        return float(text.split()[0].replace(",", ""))
    except (ValueError, IndexError):
        return None
