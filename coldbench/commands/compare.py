"""``coldbench compare``: versions and data of two runs, and the differences between cells that both have."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from coldbench.report.analysis.datasets import content
from coldbench.report.analysis.frame import counting, settings_suffixes, tidy
from coldbench.report.analysis.names import counted, short_commit
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.table import interval
from coldbench.report.writers import markdown
from coldbench.run.folder import Folder
from coldbench.run.record import Record
from coldbench.run.runfile import relabelled
from coldbench.significance import IDENTICAL, holm, paired_t

_DATA = ["fingerprint", "variant"]  # the identity of data, whatever their path and label
_CELL = [*_DATA, "settings", "division", "protocol", "backbone", "method", "seed"]
_GROUP = ["dataset", "protocol", "backbone", "method", "phase"]
_MOST_NAMED = 10


@dataclass(frozen=True)
class _Run:
    folder: Folder
    records: dict[str, Record]  # by key
    frame: pd.DataFrame

    @property
    def cells(self) -> pd.Series:
        """The key of each cell, indexed by what was run."""
        return self.frame.drop_duplicates(_CELL).set_index(_CELL)["key"]


def compare(first: Path, second: Path, options: ReportOptions) -> str:
    """Compares the results of two runs, in Markdown.

    Differences are the second run minus the first, paired by seed. The test is the paired t-test with Holm's correction
    over all differences. A setting that only one of the two versions knows does not keep cells apart.

    Raises:
        InputError: A folder has no finished cell, or the options do not suit the results.
    """
    runs = _aligned(_read(first), _read(second))
    for run in runs:
        options.check(run.frame)
    ours, theirs = (run.cells for run in runs)
    common = ours.index.intersection(theirs.index, sort=False)
    parts: list[str | None] = ["# coldbench compare\n", _provenance(runs, (first, second))]
    parts += [_missing(runs[0], ours.index.difference(common, sort=False), "first")]
    parts += [_missing(runs[1], theirs.index.difference(common, sort=False), "second")]
    if common.empty:
        return "\n".join([*filter(None, parts), f"\nNo cell in common: {_apart(ours.index, theirs.index)}."])
    same = {cell: _same(runs, ours[cell], theirs[cell]) for cell in common}
    parts += [_counted(runs, same, ours, theirs), "", _differences(runs, common, same, options)]
    return "\n".join(part for part in parts if part is not None)


def _read(path: Path) -> _Run:
    folder = Folder(path)
    records, _ = folder.finished()
    frame, _ = tidy(records := relabelled(records, path))
    records = counting(records, frame)
    return _Run(folder, {record["key"]: record for record in records}, frame)


def _aligned(first: _Run, second: _Run) -> tuple[_Run, _Run]:
    """Distinguishes cells by the settings that both versions know, and labels data as the first run does."""
    known = [set().union(*(record["config"]["settings"] for record in run.records.values())) for run in (first, second)]
    shared = sorted(known[0] & known[1])
    suffixes = settings_suffixes([*first.records.values(), *second.records.values()], shared)
    records = [*second.records.values(), *first.records.values()]  # the first run's labels come last and win
    labels = {content(record): record["dataset_label"] for record in records}

    def aligned(run: _Run) -> _Run:
        used = {key: record["config"]["settings"] for key, record in run.records.items()}
        whole = {key: ", ".join(f"{name} {own.get(name)}" for name in shared) for key, own in used.items()}
        called = {key: labels[content(record)] + suffixes[key] for key, record in run.records.items()}
        keys, divided = run.frame["key"], run.frame["division"]
        labelled = keys.map(called) + divided.where(divided == "", ", " + divided)
        return replace(run, frame=run.frame.assign(settings=keys.map(whole), dataset=labelled))

    return aligned(first), aligned(second)


def _provenance(runs: tuple[_Run, _Run], paths: tuple[Path, Path]) -> str:
    """A table of versions, commits, machines, data and settings that marks differences."""
    facts = [_facts(run, path) for run, path in zip(runs, paths, strict=True)]
    rows = []
    for name in dict.fromkeys([*facts[0], *facts[1]]):
        texts = [fact.get(name, "-") for fact in facts]
        rows.append([name, *texts, "differs" if texts[0] != texts[1] and name != "folder" else ""])
    return markdown.grid(rows, ["", "first", "second", ""]) + "\n"


def _facts(run: _Run, path: Path) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for record in run.records.values():
        provenance = record["provenance"]
        values = {**provenance["versions"], "commit": short_commit(provenance["commit"])}
        values |= {"processor": provenance["machine"]["processor"], "device": provenance["machine"]["device"]}
        values[f"data: {record['dataset_label']}"] = record["fingerprint"][:16]
        values |= {f"setting: {name}": str(value) for name, value in record["config"]["settings"].items()}
        for name, value in values.items():
            found.setdefault(name, set()).add(str(value))
    joined = {name: ", ".join(sorted(values)) for name, values in found.items()}
    return {"folder": str(path), "cells": str(len(run.cells)), **joined}


def _missing(run: _Run, cells: pd.Index, which: str) -> str | None:
    if cells.empty:
        return None
    labels = run.frame.drop_duplicates(_CELL).set_index(_CELL)["dataset"]
    named = [f"{labels[cell]} / {' / '.join(map(str, cell[4:]))}" for cell in cells[:_MOST_NAMED]]
    more = f" and {len(cells) - _MOST_NAMED} more" if len(cells) > _MOST_NAMED else ""
    return f"Only in the {which}: {counted(len(cells), 'cell')}: {'; '.join(named)}{more}."


def _apart(first: pd.Index, second: pd.Index) -> str:
    """The properties of which the cells of two runs share no value."""
    apart = []
    for level, name in enumerate(_CELL):
        ours, theirs = (list(dict.fromkeys(map(str, cells.get_level_values(level)))) for cells in (first, second))
        if not set(ours) & set(theirs):
            texts = (
                ", ".join(value[:16] if name == "fingerprint" else value for value in side) for side in (ours, theirs)
            )
            apart.append(f"{name} {' against '.join(texts)}")
    return "; ".join(apart) or "each has other combinations of data, backbone, method and seed"


def _same(runs: tuple[_Run, _Run], first: str, second: str) -> bool:
    """Whether two cells have bit-identical predictions or, if predictions are missing, equal metrics."""
    records = [run.records[key] for run, key in zip(runs, (first, second), strict=True)]
    tables = [run.folder.predictions(record) for run, record in zip(runs, records, strict=True)]
    if tables[0] is None or tables[1] is None:
        return _metrics(records[0]) == _metrics(records[1])
    return _bits(tables[0]) == _bits(tables[1])


def _bits(table: pa.Table) -> dict[str, bytes]:
    return {name: table[name].to_numpy().tobytes() for name in table.column_names}


def _metrics(record: Record) -> list[dict[str, float]]:
    return [{name: value for name, value in phase.items() if name != "seconds"} for phase in record["phases"]]


def _counted(runs: tuple[_Run, _Run], same: dict[tuple, bool], ours: pd.Series, theirs: pd.Series) -> str:
    keyed = {cell for cell in same if ours[cell] == theirs[cell]}
    codes = [
        [run.records[keys[cell]]["provenance"].get("code") for cell in same]
        for run, keys in zip(runs, (ours, theirs), strict=True)
    ]
    other = sum(one != two for one, two in zip(*codes, strict=True) if one and two)
    identical = sum(same.values())
    lines = [
        f"In both: {counted(len(same), 'cell')}, {identical} with identical predictions; {len(keyed)} have the same "
        f"key, that is, the same data, configuration, code and torch."
    ]
    if other:
        lines.append(f"{other} of them {'was' if other == 1 else 'were'} computed by other code (its digest differs).")
    broken = [cell for cell in keyed if not same[cell]]
    if broken:
        differ = "differs: its result does" if len(broken) == 1 else "differ: their results do"
        lines.append(f"{counted(len(broken), 'cell')} of the same key {differ} not repeat (another processor?).")
    return "\n".join(lines)


def _differences(runs: tuple[_Run, _Run], common: pd.Index, same: dict[tuple, bool], options: ReportOptions) -> str:
    frames = [run.frame.set_index([*_CELL, "phase"])[options.metric] for run in runs]
    both = pd.concat(frames, axis="columns", keys=["first", "second"], join="inner").reset_index()
    both["dataset"] = (
        runs[0]
        .frame.set_index([*_CELL, "phase"])["dataset"]
        .loc[pd.MultiIndex.from_frame(both[[*_CELL, "phase"]])]
        .to_numpy()
    )
    both["same"] = [same[tuple(cell)] for cell in both[_CELL].itertuples(index=False, name=None)]
    groups = [(key, part) for key, part in both.groupby(_GROUP, sort=False)]
    tests = [
        paired_t(part["second"].to_numpy(float), part["first"].to_numpy(float), options.alpha) for _, part in groups
    ]
    adjusted = holm(np.array([np.nan if test.p_value is None else test.p_value for test in tests]))
    rows = []
    for (key, part), test, p_value in zip(groups, tests, adjusted, strict=True):
        if part["same"].all() or test.note == IDENTICAL:
            verdict = IDENTICAL
        elif np.isnan(p_value):
            verdict = test.note
        else:
            verdict = "differs" if p_value < options.alpha else "not distinguishable"
        between = "" if verdict == IDENTICAL else interval(*test.interval)
        shown = "" if np.isnan(p_value) else f"{p_value:.4f}"
        means = [f"{part[side].mean():.4f}" for side in ("first", "second")]
        rows.append([*map(str, key), str(len(part)), *means, f"{test.difference:+.4f}", between, shown, verdict])
    level = f"{100 * (1 - options.alpha):g} %"
    header = [*_GROUP, "seeds", "first", "second", "difference", f"{level} interval", "p (Holm)", ""]
    note = (
        f"\n{options.title}, mean over common seeds; difference: second minus first, paired by seed. Test: paired "
        f"t-test, two-sided at {options.alpha:g}; unit: the seed; correction: Holm over all lines."
    )
    return markdown.grid(rows, header) + "\n" + note
