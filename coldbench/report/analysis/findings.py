"""What a run measured -> its tests, before any table or figure is made of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pandas as pd

from coldbench.report.analysis.comparisons import collapsed, over_seeds
from coldbench.report.analysis.entries import Block, entries
from coldbench.report.analysis.measured import Measured, scored
from coldbench.report.analysis.names import baseline
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.paper import PUBLISHED
from coldbench.report.analysis.predictions import over_items
from coldbench.report.analysis.titles import Titles, titles
from coldbench.runs.record import Record


@dataclass(frozen=True)
class Section:
    """One dataset under one protocol.

    Attributes:
        dataset: The dataset's label.
        protocol: The protocol's label.
        frame: The rows of the tidy frame that belong to it.
        tests: The tests that belong to it.
        first: Entries beside the paper's Table 1.
        second: Entries beside the paper's Table 2.
        block: Entries beside Table 1, and beside Table 2 where Table 1 lacks them, as it does most backbones.
        gains: Entries beside Table 2, tested against the baseline; empty without one.
        against: The tests of ``gains``; empty without a baseline.
    """

    dataset: str
    protocol: str
    frame: pd.DataFrame
    tests: pd.DataFrame
    first: Block
    second: Block
    block: Block
    gains: Block
    against: pd.DataFrame

    @property
    def dataset_name(self) -> str:
        """The dataset's name, which published tables go by."""
        return str(self.frame["dataset_name"].iloc[0])

    @property
    def title(self) -> str:
        """The dataset and the protocol, for headings."""
        return f"{self.dataset}, protocol {self.protocol}"

    @property
    def by_shots(self) -> bool:
        """Whether the evaluation points are numbers of interactions instead of the published ones."""
        return bool(self.frame["by_shots"].all())

    @property
    def place(self) -> str:
        """The dataset, with the protocol where it is not the published one, for captions."""
        return self.dataset if self.protocol == PUBLISHED else self.title


@dataclass(frozen=True)
class Findings:
    """The results of a run.

    Attributes:
        options: The metric, the reference and the level.
        records: The records that count, with the labels of the frame.
        frame: One row per cell and phase (``frame.tidy``).
        tests: One row per test (``comparisons.over_seeds``, then ``predictions.over_items``).
        sections: One per dataset and protocol.
        notes: Sentences that a reader should know, such as which records do not count.
        titles: Titles of methods and backbones.
    """

    options: ReportOptions
    records: list[Record]
    frame: pd.DataFrame
    tests: pd.DataFrame
    sections: list[Section]
    notes: list[str]
    titles: Titles = field(default_factory=dict)

    @property
    def scored(self) -> pd.DataFrame:
        """The rows of the frame whose dataset and protocol have a value of the metric at all."""
        return scored(self.frame, self.options)


def find(measured: Measured) -> Findings:
    """Makes all tests of a run."""
    options, notes = measured.options, measured.notes
    frame = scored(measured.frame, options)
    tests, sections = pd.DataFrame(), []
    called = titles(measured.records)
    if not frame.empty:
        over_rows, left_out = over_items(frame, measured.records, measured.folder, options, called)
        tests = pd.concat([over_seeds(frame, options), over_rows])
        sections = _sections(frame, tests, options)
        notes = [*notes, *collapsed(frame, options, called), *left_out]
    return Findings(options, measured.records, measured.frame, tests, sections, notes, called)


def _sections(frame: pd.DataFrame, tests: pd.DataFrame, options: ReportOptions) -> list[Section]:
    sections = []
    for (dataset, protocol), part in frame.groupby(["dataset", "protocol"], sort=False):
        mine = tests[(tests["dataset"] == dataset) & (tests["protocol"] == protocol)]
        first, second = (entries(part, mine, table, options) for table in (1, 2))
        block = {key: entry if entry.published is not None else second[key] for key, entry in first.items()}
        gains = _gains(part, options)
        sections.append(Section(str(dataset), str(protocol), part, mine, first, second, block, *gains))
    return sections


def _gains(frame: pd.DataFrame, options: ReportOptions) -> tuple[Block, pd.DataFrame]:
    """The entries tested against the baseline, and the tests."""
    base = baseline(frame["method"])
    if base not in set(frame["method"]):
        return {}, pd.DataFrame()
    options = replace(options, reference=base)
    tests = over_seeds(frame, options)
    return entries(frame, tests, 2, options), tests
