"""One HTML file that holds everything that is known of a run: no network, light and dark."""

from __future__ import annotations

from collections.abc import Sequence

from coldbench.report.analysis import facts, words
from coldbench.report.analysis.contents import Contents
from coldbench.report.analysis.findings import Findings
from coldbench.report.analysis.names import CELL, counted
from coldbench.report.figures.picture import Picture
from coldbench.report.figures.style import looks
from coldbench.report.writers import html
from coldbench.report.writers.svg import on_both_grounds

_KINDS = {"method": "Methods", "backbone": "Backbones", "dataset": "Datasets"}


def render(
    name: str, findings: Findings, contents: Contents, pictures: Sequence[Picture], latex: dict[str, str]
) -> str:
    """The whole page.

    Args:
        name: The name of the run.
        findings: The findings of the run.
        contents: Its tables.
        pictures: Its figures.
        latex: LaTeX to be copied, by file name.
    """
    sections = [(section.title, section.tables) for section in contents.sections]
    return html.render(
        "run",
        name,
        pictures,
        source="the records of the run",
        titles=[section.title for section in contents.sections],
        tiles=_tiles(findings),
        words=words.summary(findings),
        warnings=list(dict.fromkeys(facts.warnings(findings))),
        sections=[*sections, *contents.comparisons],
        latex=latex,
        methods=_methods(findings),
        measurements=contents.measurements,
        plugins=[(heading, facts.plugins(findings.records, kind, findings.titles)) for kind, heading in _KINDS.items()],
        grid=facts.grid(findings),
        settings=facts.settings(findings.records),
        data=facts.data(findings.records),
        software=facts.software(findings.records),
    )


def _methods(findings: Findings) -> list[tuple[int, str, str]]:
    """The number, the title and the colour of each method, as the figures have them."""
    chosen = looks(findings.frame["method"], findings.titles.get("method"))
    return [(look.number, look.title, on_both_grounds(look.colour)) for look in chosen.values()]


def _tiles(findings: Findings) -> list[tuple[str, str]]:
    counts = {"cell": len(findings.frame[list(CELL)].drop_duplicates())}
    counts |= {kind: findings.frame[kind].nunique() for kind in ("method", "backbone", "dataset", "seed")}
    tiles = [counted(count, kind).partition(" ") for kind, count in counts.items()]
    return [(kind, count) for count, _, kind in tiles]
