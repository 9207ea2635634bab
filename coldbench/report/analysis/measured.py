"""A run's folder -> its records and what they measured, before anything is tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from coldbench.report.analysis.chosen import note, short_names
from coldbench.report.analysis.frame import counting, tidy
from coldbench.report.analysis.names import counted
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.titles import label_of, titles
from coldbench.runs.folder import Folder
from coldbench.runs.record import CUT, Record
from coldbench.runs.runfile import relabelled


@dataclass(frozen=True)
class Measured:
    """What the cells of a run measured.

    Attributes:
        folder: The run's folder.
        options: The metric, the reference and the level.
        records: The records that count, with the labels of the frame.
        frame: One row per cell and phase (``frame.tidy``).
        notes: Sentences that a reader should know, such as which records do not count.
    """

    folder: Folder
    options: ReportOptions
    records: list[Record]
    frame: pd.DataFrame
    notes: list[str]


def measure(out: Path, options: ReportOptions) -> Measured:
    """Reads a run's folder.

    Raises:
        InputError: The folder holds no run or no finished cell, or the options do not suit it.
    """
    folder = Folder(out)
    records, unread = folder.finished()
    records = short_names(relabelled(records, out))
    frame, notes = tidy(records)
    if options.reference is not None:
        options = replace(options, reference=label_of(options.reference, titles(records)["method"]))
    options.check(frame)
    records = counting(records, frame)
    notes += [*note(records), *_undefined(frame, options), *_left_out(unread)]
    notes += [f"failed in the latest run: {cell}: {reason}" for cell, reason in folder.failures().items()]
    return Measured(folder, options, records, frame, notes)


def scored(frame: pd.DataFrame, options: ReportOptions) -> pd.DataFrame:
    """The rows of a frame whose dataset and protocol have a value of the metric at all."""
    return frame[frame.groupby(["dataset", "protocol"])[options.metric].transform("count") > 0]


def _undefined(frame: pd.DataFrame, options: ReportOptions) -> Iterator[str]:
    without = frame.drop(scored(frame, options).index)[["dataset", "protocol"]].drop_duplicates()
    for dataset, protocol in without.itertuples(index=False):
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
