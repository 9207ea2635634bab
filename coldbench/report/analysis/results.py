"""A section's entries -> its tables: means by phase, gains over the baseline, distances from the paper."""

from __future__ import annotations

import math
from dataclasses import replace

from coldbench.report.analysis import legends
from coldbench.report.analysis.entries import Block, Entry, axes, closeness
from coldbench.report.analysis.names import WITHIN, baseline, counted
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.table import FAR, REFERENCE, Cell, Table
from coldbench.report.analysis.titles import UNTITLED, Titles, title_of

_NAMES = ["backbone", "method"]


def by_phase(block: Block, options: ReportOptions, place: str, titles: Titles = UNTITLED) -> Table:
    """Table 1: backbones x methods by phase.

    Args:
        block: The entries of one dataset under one protocol.
        options: The metric, the reference and the level.
        place: The dataset, for the caption.
        titles: Titles of backbones and methods.
    """
    backbones, methods, phases = axes(block)
    rows = [
        [Cell(backbone), Cell(method), *(mean_cell(block.get((backbone, method, phase))) for phase in phases)]
        for backbone in backbones
        for method in methods
        if any((backbone, method, phase) in block for phase in phases)
    ]
    return Table(
        f"{options.title} by phase",
        [*_NAMES, *phases],
        2,
        rows,
        legends.by_phase(block, options, titles),
        caption=f"{options.title} by backbone, method and warm-up phase on {place}.",
        label=f"by-phase {place}",
    )


def gains(block: Block, options: ReportOptions, place: str, titles: Titles = UNTITLED) -> Table | None:
    """Table 2: by how many percent each method improves on the baseline, on each backbone and in each phase.

    Args:
        block: The entries of one dataset under one protocol, tested against the baseline.
        options: The metric and the level.
        place: The dataset, for the caption.
        titles: Titles of backbones and methods.

    Returns:
        The table, or None where no backbone has both the baseline and another method.
    """
    backbones, methods, phases = axes(block)
    reference = baseline(methods)
    rows = []
    for backbone in backbones:
        base = [block.get((backbone, reference, phase)) for phase in phases]
        for method in methods:
            cells = [
                _gain(block.get((backbone, method, phase)), under, options)
                for phase, under in zip(phases, base, strict=True)
            ]
            if method != reference and any(cell.text for cell in cells):
                rows.append([Cell(backbone), Cell(method), *cells])
    if not rows:
        return None
    name = title_of(titles, "method", reference)
    known = any(entry.published is not None for entry in block.values())
    compared = [f"Means of {place}: {closeness(block, titles)}"] if known else []
    return Table(
        f"What a method adds to {name}",
        [*_NAMES, *phases],
        2,
        rows,
        legends.gains(block, replace(options, reference=reference), titles),
        compared,
        caption=f"Improvement of the {options.title} over {name} by backbone, method and warm-up phase on {place}.",
        label=f"gains {place}",
        stacked=True,
    )


def against_paper(block: Block, first: Block, place: str, titles: Titles = UNTITLED) -> Table | None:
    """Our means minus the published ones.

    Args:
        block: Entries beside the published numbers of either table.
        first: Entries beside those of Table 1, which the closing sentence counts if there are any, else all of them.
        place: The dataset, for the caption.
        titles: Titles of backbones and methods.

    Returns:
        The table, or None where the paper has none of the numbers.
    """
    known = {key: entry for key, entry in block.items() if entry.published is not None}
    backbones, methods, phases = axes(known)
    rows = [
        [Cell(backbone), Cell(method), *(_distance(known.get((backbone, method, phase))) for phase in phases)]
        for backbone in backbones
        for method in methods
        if any((backbone, method, phase) in known for phase in phases)
    ]
    if not rows:
        return None
    caption = f"Our AUC minus the published one by backbone, method and warm-up phase on {place}."
    heading, legend = "Ours minus the paper's AUC", "Our mean AUC minus the published one, with both."
    header = [*_NAMES, *phases]
    counted = {key: entry for key, entry in first.items() if entry.published is not None} or known
    return Table(heading, header, 2, rows, legend, [closeness(counted, titles)], caption, stacked=True)


def mean_cell(entry: Entry | None) -> Cell:
    """A mean with half its interval, its mark, and the seeds, p-value and verdict behind it; empty without an entry."""
    if entry is None:
        return Cell("")
    spread = f"± {entry.half:.4f}" if entry.seeds > 1 else ""
    notes = [counted(entry.seeds, "seed")]
    notes += [f"p = {entry.p:.2g} after Holm's correction"] if math.isfinite(entry.p) else []
    notes += [entry.verdict] if entry.verdict else []
    return Cell(f"{entry.mean:.4f}", entry.mean, spread, _mark(entry), entry.best, ", ".join(notes))


def _gain(entry: Entry | None, base: Entry | None, options: ReportOptions) -> Cell:
    if entry is None or base is None or not base.mean:
        return Cell("")
    gain = 100 * (entry.mean / base.mean - 1) * (1 if options.higher_is_better else -1)
    return Cell(f"{gain:+.2f} %", gain, f"{base.mean:.4f} to {entry.mean:.4f}", _mark(entry), entry.best)


def _distance(entry: Entry | None) -> Cell:
    if entry is None or entry.published is None:
        return Cell("")
    distance = entry.mean - entry.published
    both = f"{entry.mean:.4f} - {entry.published:.4f}"
    return Cell(f"{distance:+.4f}", distance, both, FAR if abs(distance) > WITHIN else "")


def _mark(entry: Entry) -> str:
    return REFERENCE if entry.reference and not entry.best else entry.verdict
