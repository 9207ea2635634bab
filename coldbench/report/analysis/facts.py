"""Records -> the facts that a reader needs to judge a run: its plugins, data and software, and its weak points."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from coldbench.core.config import text
from coldbench.report.analysis.entries import closeness
from coldbench.report.analysis.findings import Findings
from coldbench.report.analysis.names import CELL, counted, leaks, method_order, short_commit
from coldbench.report.analysis.published import contradictions
from coldbench.report.analysis.titles import Titles, title_of
from coldbench.runs.cell import split_label
from coldbench.runs.record import Record
from coldbench.significance import FEWEST

_LEAK = (
    "Protocol {}: item counts, words and the scaling of numeric fields come from the whole log, test rows included. "
    "This leak is kept because the published tables have it; the protocols strict and matched remove it."
)
_MOST_NAMED = 8  # cells that one warning names


@dataclass(frozen=True)
class Plugin:
    """A method, backbone or dataset of a run.

    Attributes:
        label: The name that tables show.
        citation: The first sentence of its file; empty where the plugin is not installed.
        departs: The paragraph of its file on departures from the paper; empty where there is none.
        values: Hyper-parameter to its value and whether that differs from the default.
    """

    label: str
    citation: str
    departs: str
    values: dict[str, tuple[str, bool]]


def plugins(records: Sequence[Record], kind: str, titles: Titles) -> list[Plugin]:
    """The plugins of a kind that the records have, in the tables' order.

    Args:
        records: The records.
        kind: ``method``, ``backbone`` or ``dataset``.
        titles: Titles by kind and label.
    """
    unique = {_label(record, kind): record for record in records}
    order = sorted(unique, key=method_order) if kind == "method" else sorted(unique)
    return [_plugin(kind, title_of(titles, kind, label), unique[label]) for label in order]


def _label(record: Record, kind: str) -> str:
    return str(record["dataset_label"] if kind == "dataset" else record["labels"][kind])


def _plugin(kind: str, label: str, record: Record) -> Plugin:
    about = record["plugins"][kind]
    values = {
        field: (text(value), value != about["defaults"].get(field, value))
        for field, value in record["config"][kind].items()
        if field not in about["locations"]
    }
    return Plugin(label, about["citation"], about["departs"], values)


def split_at(record: Record) -> dict[str, int]:
    """The N and K of a record's data; records of older versions lack those that the data decided."""
    given = record["config"]["dataset"]
    return {name.upper(): given[name] for name in ("n", "k") if given.get(name)}


def data(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Label, fingerprint, N, K and split sizes of each dataset."""
    unique = {}
    for record in records:
        counts = {
            name.replace("items_", "items, "): count for name, count in (split_at(record) | record["split"]).items()
        }
        sizes = {name: f"{count:,}" for name, count in counts.items()}
        label = ", ".join(filter(None, [record["dataset_label"], split_label(record)]))
        about = {"label": label, "fingerprint": record["fingerprint"], "sizes": sizes}
        unique[record["fingerprint"], str(sizes)] = about
    return list(unique.values())


def software(records: Sequence[Record]) -> list[dict[str, str]]:
    """Versions, commit and machine of each environment that computed some of the records."""
    unique = {}
    for record in records:
        machine = record["provenance"]["machine"]
        about = {
            **record["provenance"]["versions"],
            "commit": short_commit(record["provenance"]["commit"]),
            "processor": machine["processor"],
            "device": machine["device"],
            "threads per cell": str(machine["threads"]),
        }
        unique[tuple(about.items())] = about
    return list(unique.values())


def settings(records: Sequence[Record]) -> list[dict[str, str]]:
    """Each distinct set of the settings that all methods share."""
    unique = {}
    for record in records:
        about = {name: text(value) for name, value in record["config"]["settings"].items()}
        unique[tuple(about.items())] = about
    return list(unique.values())


def warnings(findings: Findings) -> list[str]:
    """What a reader should know first: too few seeds, missing cells, leaks, mixed software, and all notes."""
    frame = findings.frame
    lines = []
    most = int(frame.groupby(["dataset", "protocol", "backbone", "method"])["seed"].nunique().max())
    if most < FEWEST:
        seeds = "One seed" if most == 1 else f"{most} seeds"
        lines.append(f"{seeds}: no difference can be tested. The paired t-test needs {FEWEST} (--seeds {FEWEST}).")
    lines += _uneven(findings)
    for section in findings.sections:
        for table, block in (("1", section.first), ("2", section.gains)):
            if "; not:" in (said := closeness(block, findings.titles)):
                lines.append(f"{section.title}, Table {table}: {said}")
        if findings.options.metric == "auc":
            lines += contradictions(section.block, section.protocol, section.dataset_name, findings.titles)
    lines += [_LEAK.format(protocol) for protocol in frame["protocol_name"].unique() if leaks(protocol)]
    stacks = software(findings.records)
    if len(stacks) > 1:
        differing = [name for name in stacks[0] if len({stack.get(name) for stack in stacks}) > 1]
        lines.append(f"The records were computed in {len(stacks)} ways, which differ in {', '.join(differing)}.")
    if any(stack["commit"].endswith("+") for stack in stacks):
        lines.append("Some records were computed by code with changes that were not committed.")
    return [*lines, *findings.notes]


def _uneven(findings: Findings) -> Iterator[str]:
    """A sentence for each section in which a method lacks seeds that others on its backbone have."""
    titles = findings.titles
    for section in findings.sections:
        lacking = []
        for backbone, own in section.frame.groupby("backbone", sort=False):
            everything = set(own["seed"])
            for method, mine in own.groupby("method", sort=False):
                if gone := sorted(everything - set(mine["seed"])):
                    names = title_of(titles, "backbone", str(backbone)), title_of(titles, "method", str(method))
                    lacking.append(f"{' / '.join(names)} (seed {', '.join(map(str, gone))})")
        if lacking:
            rest = f" and {len(lacking) - _MOST_NAMED} more" if len(lacking) > _MOST_NAMED else ""
            named = "; ".join(lacking[:_MOST_NAMED])
            yield f"Cells are missing in {section.title}: {named}{rest}. They failed or were not run."


def cells(findings: Findings) -> str:
    """The number of cells in words: ``1 cell``."""
    return counted(len(findings.frame[list(CELL)].drop_duplicates()), "cell")


def plan(findings: Findings) -> dict[str, str]:
    """The axes of the grid in words, methods and backbones by title."""
    named = {}
    for kind in ("method", "backbone", "dataset", "protocol"):
        labels = map(str, findings.frame[kind].unique())
        named[f"{kind}s"] = ", ".join(title_of(findings.titles, kind, label) for label in labels)
    return named | {"seeds": ", ".join(map(str, sorted(findings.frame["seed"].unique())))}


def grid(findings: Findings) -> dict[str, str]:
    """The axes of the grid, and when and how long it was computed, in words."""
    seconds = sum(phase["seconds"] or 0 for record in findings.records for phase in record["phases"])
    finished = sorted(record["finished"].replace("T", " ").replace("+00:00", " UTC") for record in findings.records)
    return plan(findings) | {
        "finished": finished[0] if finished[0] == finished[-1] else f"{finished[0]} to {finished[-1]}",
        "seconds in all cells": f"{seconds:,.0f}",
    }
