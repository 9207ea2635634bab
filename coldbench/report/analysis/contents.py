"""Findings -> every table of a report, built once for all writers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from coldbench.report.analysis import across, appendix, protocols, published, results, shots, topn
from coldbench.report.analysis.chosen import chosen
from coldbench.report.analysis.findings import Findings, Section
from coldbench.report.analysis.measurements import measurements
from coldbench.report.analysis.table import Table


@dataclass(frozen=True)
class SectionTables:
    """The tables of one dataset under one protocol.

    Attributes:
        title: The dataset and the protocol.
        by_phase: Table 1, methods by phase.
        by_shots: Differences to the baseline by shots; None without a baseline, and at the published points.
        against_paper: Ours minus the published numbers; None where the paper has none.
        papers: Ours beside the numbers of every paper; None where fewer than two papers have any.
        gains: Table 2, what each method adds to the baseline; None without a baseline, and where ``by_shots`` says it.
        tests: The appendix; None without a test.
        topn: Top-N; None where no record holds it.
    """

    title: str
    by_phase: Table
    by_shots: Table | None
    against_paper: Table | None
    papers: Table | None
    gains: Table | None
    tests: Table | None
    topn: Table | None

    @property
    def tables(self) -> list[Table]:
        """Those that there are, in the order of a page."""
        every = (self.by_phase, self.by_shots, self.gains, self.against_paper, self.papers, self.topn, self.tests)
        return [each for each in every if each is not None]


@dataclass(frozen=True)
class Contents:
    """Every table of a report.

    Attributes:
        sections: The tables of each dataset and protocol.
        comparisons: The tables that compare protocols, or datasets and backbones, or list tuned values, by heading.
        measurements: Everything that the records hold.
    """

    sections: list[SectionTables]
    comparisons: list[tuple[str, list[Table]]]
    measurements: Table


def contents(findings: Findings) -> Contents:
    """Builds the tables, with titles in place of labels."""
    comparisons = [
        (heading, [table.titled(findings.titles) for table in tables]) for heading, tables in _comparisons(findings)
    ]
    sections = [_section(section, findings) for section in findings.sections]
    return Contents(sections, comparisons, measurements(findings.frame).titled(findings.titles))


def _section(section: Section, findings: Findings) -> SectionTables:
    options, titles = findings.options, findings.titles
    built = (
        results.by_phase(section.block, options, section.place, titles),
        shots.by_shots(section.gains, section.against, options, section.place, titles) if section.by_shots else None,
        results.against_paper(section.block, section.first, section.place, titles),
        published.beside_every_paper(section.block, section.protocol, section.dataset_name, section.place, titles)
        if options.metric == "auc"
        else None,
        None if section.by_shots else results.gains(section.gains, options, section.place, titles),
        appendix.tests(section.tests, options, section.place),
        topn.table(section.frame, section.place),
    )
    first, *others = (None if table is None else table.titled(findings.titles) for table in built)
    assert first is not None  # by_phase always gives one
    return SectionTables(section.title, first, *others)


def _comparisons(findings: Findings) -> Iterator[tuple[str, list[Table]]]:
    """Comparisons of protocols, datasets and backbones, and what a search chose: a heading and its tables."""
    for dataset, part in findings.scored.groupby("dataset", sort=False):
        if tables := protocols.tables(part, findings.options, findings.titles):
            yield f"Comparison of protocols: {dataset}", tables
    for (protocol, division), part in findings.scored.groupby(["protocol", "division"], sort=False):
        if ranks := across.told(part, findings.options, findings.titles):
            about = ", ".join(filter(None, [f"protocol {protocol}", str(division)]))
            yield f"Across datasets and backbones, {about}", list(ranks)
    if values := chosen(findings.records):
        yield "Tuning", [values]
