"""A run's folder -> everything that its report says, before it is put into words, tables and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from coldbench.report.analysis.comparisons import collapsed, over_seeds
from coldbench.report.analysis.entries import Block, entries, subject
from coldbench.report.analysis.frame import BASELINE, Question, short_names, tidy
from coldbench.report.analysis.predictions import over_items
from coldbench.run.folder import CUT, Folder, Record


@dataclass(frozen=True)
class Section:
    """One dataset under one protocol.

    Attributes:
        dataset: What tables call it.
        protocol: The protocol.
        frame: Its rows of the tidy frame.
        tests: Its rows of the tests.
        first: Entries beside the paper's Table 1.
        second: Entries beside the paper's Table 2.
        block: Entries beside Table 1, and beside Table 2 where Table 1 lacks them, as it does most backbones.
        pair: The entries of Table 2, the baseline's and its subject's, tested against each other alone; empty without a
            baseline.
    """

    dataset: str
    protocol: str
    frame: pd.DataFrame
    tests: pd.DataFrame
    first: Block
    second: Block
    block: Block
    pair: Block

    @property
    def title(self) -> str:
        """For headings and captions."""
        return f"{self.dataset}, protocol {self.protocol}"


@dataclass(frozen=True)
class Findings:
    """What a run came to.

    Attributes:
        question: What was asked.
        records: As they were read.
        frame: A row per cell and phase (``frame.tidy``).
        tests: A row per test (``comparisons.over_seeds``, then ``predictions.over_items``).
        sections: One per dataset and protocol.
        notes: A line for each thing that a reader should know.
    """

    question: Question
    records: list[Record]
    frame: pd.DataFrame
    tests: pd.DataFrame
    sections: list[Section]
    notes: list[str]


def find(out: Path, question: Question) -> Findings:
    """Reads a run's folder and makes all tests.

    Raises:
        InputError: The folder holds no run or no finished cell, or the question does not suit it.
    """
    folder = Folder(out)
    records, unread = folder.finished()
    records, meant = short_names(records)
    frame, notes = tidy(records)
    question.check(frame)
    notes += _left_out(unread)
    notes += [f"failed in the latest run: {cell}: {reason}" for cell, reason in folder.failures().items()]
    notes += [f"Hyper-parameters: {text}." for text in dict.fromkeys(r["tuned"] for r in records if r.get("tuned"))]
    notes += meant
    given, left_out = over_items(frame, records, folder, question)
    tests, notes = pd.concat([over_seeds(frame, question), given]), [*notes, *collapsed(frame, question), *left_out]
    return Findings(question, records, frame, tests, _sections(frame, tests, question), notes)


def _left_out(unread: Mapping[str, str]) -> Iterator[str]:
    """What does not count: broken files by name; how many are of another version, as whole runs are."""
    yield from (
        f"cells/{name} is no valid record ({why}); run the same command again."
        for name, why in unread.items()
        if why == CUT
    )
    for why, count in Counter(why for why in unread.values() if why != CUT).items():
        yield f"{count} record{'s' * (count != 1)} {why} do{'es' * (count == 1)} not count."


def _sections(frame: pd.DataFrame, tests: pd.DataFrame, question: Question) -> list[Section]:
    sections = []
    for (dataset, protocol), part in frame.groupby(["dataset", "protocol"], sort=False):
        mine = tests[(tests["dataset"] == dataset) & (tests["protocol"] == protocol)]
        first, second = (entries(part, mine, table, question) for table in (1, 2))
        block = {key: entry if entry.published is not None else second[key] for key, entry in first.items()}
        pair = _pair(part, second, question)
        sections.append(Section(str(dataset), str(protocol), part, mine, first, second, block, pair))
    return sections


def _pair(frame: pd.DataFrame, block: Block, question: Question) -> Block:
    methods = [BASELINE, subject(block, question)]
    frame = frame[frame["method"].isin(methods)]
    if frame["method"].nunique() < 2:
        return {}
    alone = replace(question, reference=question.reference if question.reference in methods else None)
    return entries(frame, over_seeds(frame, alone), 2, alone)
