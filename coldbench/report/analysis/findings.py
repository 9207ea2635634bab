"""A run's folder -> its records, results and tests, before any table or figure is made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from coldbench.report.analysis.chosen import note, short_names
from coldbench.report.analysis.comparisons import collapsed, over_seeds
from coldbench.report.analysis.entries import Block, entries
from coldbench.report.analysis.frame import counting, tidy
from coldbench.report.analysis.names import baseline, counted
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.paper import PUBLISHED
from coldbench.report.analysis.predictions import over_items
from coldbench.report.analysis.titles import Titles, label_of, titles
from coldbench.run.folder import Folder
from coldbench.run.record import CUT, Record
from coldbench.run.runfile import relabelled


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
        return _scored(self.frame, self.options)


def find(out: Path, options: ReportOptions) -> Findings:
    """Reads a run's folder and makes all tests.

    Raises:
        InputError: The folder holds no run or no finished cell, or the options does not suit it.
    """
    folder = Folder(out)
    records, unread = folder.finished()
    records = short_names(relabelled(records, out))
    frame, notes = tidy(records)
    if options.reference is not None:
        options = replace(options, reference=label_of(options.reference, titles(records)["method"]))
    options.check(frame)
    records = counting(records, frame)
    scored = _scored(frame, options)
    notes += [*note(records), *_undefined(frame, scored, options), *_left_out(unread)]
    notes += [f"failed in the latest run: {cell}: {reason}" for cell, reason in folder.failures().items()]
    if scored.empty:
        return Findings(options, records, frame, pd.DataFrame(), [], notes, titles(records))
    given, left_out = over_items(scored, records, folder, options)
    tests = pd.concat([over_seeds(scored, options), given])
    notes = [*notes, *collapsed(scored, options), *left_out]
    return Findings(options, records, frame, tests, _sections(scored, tests, options), notes, titles(records))


def _scored(frame: pd.DataFrame, options: ReportOptions) -> pd.DataFrame:
    return frame[frame.groupby(["dataset", "protocol"])[options.metric].transform("count") > 0]


def _undefined(frame: pd.DataFrame, scored: pd.DataFrame, options: ReportOptions) -> Iterator[str]:
    for dataset, protocol in (
        frame.drop(scored.index)[["dataset", "protocol"]].drop_duplicates().itertuples(index=False)
    ):
        yield (
            f"{dataset}, protocol {protocol}, is in no table of results: {options.title} is not defined on its test "
            f"rows, as where all of them are clicks or none is."
        )


def _left_out(unread: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each broken record, and one for all records of another version."""
    yield from (
        f"cells/{name} is no valid record ({why}); run the same command again."
        for name, why in unread.items()
        if why == CUT
    )
    for why, count in Counter(why for why in unread.values() if why != CUT).items():
        yield f"{counted(count, 'record')} {why} do{'es' * (count == 1)} not count."


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
