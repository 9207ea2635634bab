"""Records -> what a reader should know of a run: what it was, what it stands on, and what to be careful with."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from coldbench.core.config import as_dict, identity, text
from coldbench.core.errors import InputError
from coldbench.plugins import registry
from coldbench.report.analysis.entries import closeness
from coldbench.report.analysis.findings import Findings
from coldbench.report.analysis.names import CELL, counted, leaks, method_order, short_commit
from coldbench.report.analysis.titles import Titles
from coldbench.run.folder import Record
from coldbench.significance import FEWEST

_LEAK = (
    "Protocol {}: item counts, words and the scaling of numeric fields come from the whole log, test rows included. "
    "It is a leak, kept because the published tables have it; the protocols strict and matched are without."
)
_MOST_NAMED = 8  # cells that one warning names
_KINDS = {"method": registry.METHODS, "backbone": registry.BACKBONES, "dataset": registry.DATASETS}


@dataclass(frozen=True)
class Plugin:
    """A method, backbone or dataset of a run.

    Attributes:
        label: What tables call it.
        citation: What it is, by whom, where; empty where its file is not installed here.
        departs: How it departs from its paper, from its file; empty where it says nothing.
        values: Hyper-parameter to value, and whether that is not the default.
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
    found = {_label(record, kind): record for record in records}
    order = sorted(found, key=method_order) if kind == "method" else sorted(found)
    names = titles.get(kind, {})
    return [_plugin(kind, found[label][kind], names.get(label, label), found[label]["config"][kind]) for label in order]


def _label(record: Record, kind: str) -> str:
    return str(record["dataset_label"] if kind == "dataset" else record["labels"][kind])


def _plugin(kind: str, name: str, label: str, config: dict[str, Any]) -> Plugin:
    try:
        owner: Any = registry.get(_KINDS[kind], name)
    except InputError:
        return Plugin(label, "", "", {field: (text(value), False) for field, value in config.items()})
    defaults = as_dict(owner.Config())
    identifying = identity(owner.Config())
    values = {
        field: (text(value), value != defaults.get(field, value))
        for field, value in config.items()
        if field in identifying or field not in defaults  # no location
    }
    return Plugin(label, registry.citation(owner), _departures(owner), values)


def _departures(owner: type[Any]) -> str:
    """The paragraph of a plugin's file that says how it departs from its paper."""
    paragraphs = (inspect.getmodule(owner).__doc__ or "").split("\n\n")
    return " ".join(" ".join(part.split()) for part in paragraphs if part.strip().startswith("Departs"))


def data(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Each dataset's label, fingerprint and split sizes."""
    found = {}
    for record in records:
        sizes = {name.replace("items_", "items, "): f"{count:,}" for name, count in record["split"].items()}
        about = {"label": record["dataset_label"], "fingerprint": record["fingerprint"], "sizes": sizes}
        found[record["fingerprint"], str(sizes)] = about
    return list(found.values())


def software(records: Sequence[Record]) -> list[dict[str, str]]:
    """Versions, commit and machine of each kind that computed some of the records."""
    found = {}
    for record in records:
        machine = record["provenance"]["machine"]
        about = {
            **record["provenance"]["versions"],
            "commit": short_commit(record["provenance"]["commit"]),
            "processor": machine["processor"],
            "device": machine["device"],
            "threads per cell": str(machine["threads"]),
        }
        found[tuple(about.items())] = about
    return list(found.values())


def settings(records: Sequence[Record]) -> list[dict[str, str]]:
    """The settings that all methods share, once for each that occurs."""
    found = {}
    for record in records:
        about = {name: text(value) for name, value in record["config"]["settings"].items()}
        found[tuple(about.items())] = about
    return list(found.values())


def warnings(found: Findings) -> list[str]:
    """What a reader should be careful with, the findings' own notes among it."""
    frame = found.frame
    lines = []
    most = int(frame.groupby(["dataset", "protocol", "backbone", "method"])["seed"].nunique().max())
    if most < FEWEST:
        seeds = "One seed" if most == 1 else f"{most} seeds"
        lines.append(f"{seeds}: no difference can be tested. The paired t-test needs {FEWEST} (--seeds {FEWEST}).")
    lines += _uneven(found)
    for section in found.sections:
        for table, block in (("1", section.first), ("2", section.gains)):
            if "; not:" in closeness(block):
                lines.append(f"{section.title}, Table {table}: {closeness(block)}")
    lines += [_LEAK.format(protocol) for protocol in frame["protocol_name"].unique() if leaks(protocol)]
    stacks = software(found.records)
    if len(stacks) > 1:
        differing = [name for name in stacks[0] if len({stack.get(name) for stack in stacks}) > 1]
        lines.append(f"The records were computed in {len(stacks)} ways, which differ in {', '.join(differing)}.")
    if any(stack["commit"].endswith("+") for stack in stacks):
        lines.append("Some records were computed by code with changes that were not committed.")
    return [*lines, *found.notes]


def _uneven(found: Findings) -> Iterator[str]:
    """Where a method lacks seeds that others of its backbone have."""
    for section in found.sections:
        lacking = []
        for backbone, own in section.frame.groupby("backbone", sort=False):
            everything = set(own["seed"])
            for method, mine in own.groupby("method", sort=False):
                gone = sorted(everything - set(mine["seed"]))
                lacking += [f"{backbone} / {method} (seed {', '.join(map(str, gone))})"] if gone else []
        if lacking:
            rest = f" and {len(lacking) - _MOST_NAMED} more" if len(lacking) > _MOST_NAMED else ""
            named = "; ".join(lacking[:_MOST_NAMED])
            yield f"Cells are missing in {section.title}: {named}{rest}. They failed or were not run."


def cells(found: Findings) -> str:
    """The number of cells in words: ``1 cell``."""
    return counted(len(found.frame[list(CELL)].drop_duplicates()), "cell")


def plan(found: Findings) -> dict[str, str]:
    """The axes of the grid in words, methods and backbones by title."""
    named = {}
    for kind in ("method", "backbone", "dataset", "protocol"):
        titles = found.titles.get(kind, {})
        named[f"{kind}s"] = ", ".join(titles.get(label, str(label)) for label in found.frame[kind].unique())
    return named | {"seeds": ", ".join(map(str, sorted(found.frame["seed"].unique())))}


def grid(found: Findings) -> dict[str, str]:
    """The axes of the grid, and when and how long it was computed, in words."""
    seconds = sum(phase["seconds"] or 0 for record in found.records for phase in record["phases"])
    finished = sorted(record["finished"].replace("T", " ").replace("+00:00", " UTC") for record in found.records)
    return plan(found) | {
        "finished": finished[0] if finished[0] == finished[-1] else f"{finished[0]} to {finished[-1]}",
        "seconds in all cells": f"{seconds:,.0f}",
    }
