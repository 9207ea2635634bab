"""A run's results in words: what is best at the first and the last evaluation, what equals it, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from coldbench.report.analysis.entries import Block, Entry, axes
from coldbench.report.analysis.findings import Findings, Section
from coldbench.report.analysis.names import counted
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.titles import Titles, title_of
from coldbench.significance import BETTER, EQUAL, UNDECIDED, WORSE

_VERDICTS = (BETTER, EQUAL, UNDECIDED, WORSE)
_MOST_NAMED = 4


def summary(findings: Findings) -> list[tuple[str, list[str]]]:
    """The title of each dataset and protocol, and its sentences."""
    return [(section.title, list(_of_section(section, findings))) for section in findings.sections]


def _of_section(section: Section, findings: Findings) -> Iterator[str]:
    titles = findings.titles
    backbones, _, phases = axes(section.block)
    for backbone in backbones:
        about = title_of(titles, "backbone", backbone)
        for phase in dict.fromkeys((phases[0], phases[-1])):
            found = _of_column(section.block, backbone, phase, findings.options, titles)
            if found:
                yield f"{about}, {phase}: {found}"
        yield from _costs(section.frame[section.frame["backbone"] == backbone], about, titles)


def _of_column(block: Block, backbone: str, phase: str, options: ReportOptions, titles: Titles) -> str | None:
    """The best method, or the reference that was asked for, and the others by verdict."""
    own = {m: entry for (b, m, p), entry in block.items() if (b, p) == (backbone, phase)}
    column = {title_of(titles, "method", method): entry for method, entry in own.items()}
    reference = next((name for name, entry in column.items() if entry.reference), None)
    if reference is None:
        return (
            f"{_highest(column, options)} has the best mean; with so few seeds nothing is tested." if column else None
        )
    role = (
        f"the reference, at {column[reference].mean:.4f}"
        if options.reference
        else f"best, {column[reference].mean:.4f}"
    )
    groups = {verdict: [n for n, entry in column.items() if entry.verdict == verdict] for verdict in _VERDICTS}
    said = [f"{verdict}: {_named(names)}" for verdict, names in groups.items() if names]
    return "; ".join([f"{reference} is {role}", *said]) + "."


def _highest(column: Mapping[str, Entry], options: ReportOptions) -> str:
    sign = 1 if options.higher_is_better else -1
    return max(column, key=lambda name: sign * column[name].mean)


def _costs(frame: pd.DataFrame, about: str, titles: Titles) -> Iterator[str]:
    """The least and the most processor time of a cell, the backbone's pretraining left out."""
    if "cpu_seconds" not in frame or frame["cpu_seconds"].isna().any():
        return
    cells = frame.groupby(["method", "seed"])["cpu_seconds"].sum().groupby("method").mean().sort_values()
    if len(cells) > 1:
        low, high = (f"{cells.iloc[at]:.1f} s ({title_of(titles, 'method', cells.index[at])})" for at in (0, -1))
        yield f"{about}: fitting and warming up took from {low} to {high} of processor time per cell."


def _named(names: Sequence[str]) -> str:
    if len(names) <= _MOST_NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: _MOST_NAMED - 1])} and {counted(len(names) - _MOST_NAMED + 1, 'other')}"
