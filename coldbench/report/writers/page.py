"""One HTML file that says all of a run: no network, light and dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from coldbench.report.analysis import facts
from coldbench.report.analysis.entries import closeness
from coldbench.report.analysis.findings import Findings, Section
from coldbench.report.analysis.frame import CELL
from coldbench.report.analysis.names import BASELINE
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.picture import Picture
from coldbench.report.writers import appendix, grids, html, tables, text
from coldbench.report.writers.html import Part
from coldbench.report.writers.tables import Told

_KINDS = {"method": "Methods", "backbone": "Backbones", "dataset": "Datasets"}


def render(name: str, found: Findings, pictures: Sequence[Picture], latex: dict[str, str]) -> str:
    """The whole page.

    Args:
        name: Of the run.
        found: What it came to.
        pictures: Its figures.
        latex: What can be copied, by file name.
    """
    titles = [section.title for section in found.sections]
    return html.render(
        "run",
        name,
        pictures,
        source="the records of the run",
        titles=titles,
        tiles=_tiles(found),
        warnings=list(dict.fromkeys(facts.warnings(found))),
        sections=[
            *((section.title, list(_parts(section, found.options))) for section in found.sections),
            *((title, [_part(told, title) for told in tolds]) for title, tolds in text.beside(found)),
        ],
        latex=latex,
        measurements=grids.measurements(found.frame, "All measurements"),
        plugins=[(heading, facts.plugins(found.records, kind)) for kind, heading in _KINDS.items()],
        grid=facts.grid(found),
        settings=facts.settings(found.records),
        data=facts.data(found.records),
        software=facts.software(found.records),
    )


def _parts(section: Section, options: ReportOptions) -> Iterator[Part]:
    """The tables of a section, and what they say below them: the same as the Markdown ones."""
    title = section.title
    legend = " ".join(tables.legend(section.block, options))
    yield Part(f"{options.title} by phase", grids.results(section.block, title), legend)
    gains = grids.gains(section.pair, options, f"Gains, {title}")
    if gains.rows:
        marks = tables.legend(section.pair, options)[1:]
        legend = " ".join([f"Change of the mean {options.title} in percent, below it from what to what.", *marks])
        yield Part(f"What a method adds to {BASELINE}", gains, legend)
    against = grids.published(section.block, f"Against the paper, {title}")
    if against.rows:
        yield Part("Ours minus the paper's AUC", against, closeness(section.first))
    lines = appendix.wide(section.tests, options)
    if len(lines):
        legend = " ".join(appendix.legend(section.tests, options))
        yield Part("All tests", grids.texts(lines, 4, f"All tests, {title}"), legend, folded=True)


def _part(told: Told, title: str) -> Part:
    """What compares several protocols, datasets or backbones, as the Markdown has it."""
    grid = grids.texts(pd.DataFrame(told.rows, columns=told.header), told.names, f"{told.heading}, {title}")
    return Part(told.heading, grid, told.legend, told.lines)


def _tiles(found: Findings) -> list[tuple[str, str]]:
    frame = found.frame
    counts = [("cells", len(frame[list(CELL)].drop_duplicates()))]
    counts += [
        (f"{kind}{'s' * (n != 1)}", n) for kind in ("method", "backbone", "dataset") for n in [frame[kind].nunique()]
    ]
    seeds = frame["seed"].nunique()
    return [(name, f"{count:,}") for name, count in [*counts, ("seed" + "s" * (seeds != 1), seeds)]]
