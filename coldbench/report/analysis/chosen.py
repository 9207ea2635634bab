"""Rows of methods that a search tuned: one name whatever the values, and a table of the values behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from coldbench.core.config import text
from coldbench.report.analysis.names import TUNED, method_order, protocol_label, protocol_order, tuned_label
from coldbench.report.analysis.table import Table, text_row
from coldbench.run.cell import division
from coldbench.run.record import Record

HEADING = "Hyper-parameters that a search chose"
_Row = tuple[str, str, str, str]  # dataset, protocol, backbone, method


def short_names(records: Sequence[Record]) -> list[Record]:
    """Labels a method whose hyper-parameters a search chose ``cvar[tuned]``, whatever the values.

    The values differ between datasets, protocols, budgets and backbones, and the method is one row of a table all the
    same. If the search varied the backbone too, the row stands with the backbone as it was before. Two results of a
    search for the same row keep their full labels.
    """
    variants: dict[_Row, set[tuple[str, str]]] = {}
    for record in records:
        if _is_tuned(record):
            labels = record["labels"]
            variants.setdefault(_row(record), set()).add((labels["backbone"], labels["method"]))
    named = []
    for record in records:
        if _is_tuned(record) and len(variants[_row(record)]) == 1:
            _, _, backbone, method = _row(record)
            record = record | {"labels": record["labels"] | {"backbone": backbone, "method": method}}
        named.append(record)
    return named


def chosen(records: Sequence[Record]) -> Table | None:
    """The table of all values that a search chose; None where there are none.

    Args:
        records: The records that count, under their short names.
    """
    tuned = sorted((record for record in records if _is_tuned(record)), key=_place)
    rows = {
        (
            ", ".join(filter(None, [record["dataset_label"], division(record)])),
            protocol_label(record["config"]["protocol"]),
            record["labels"]["backbone"],
            record["labels"]["method"],
        ): _differing(record)
        for record in tuned
    }
    if not rows:
        return None
    lines = [f"{how[:1].upper()}{how[1:]}." for how in dict.fromkeys(record["tuned"] for record in tuned)]
    return Table(
        HEADING,
        ["dataset", "protocol", "backbone", "method", "values"],
        4,
        [text_row([*row, values], 5) for row, values in rows.items()],
        "Each row's own values, where they differ from the defaults.",
        lines,
    )


def note(records: Sequence[Record]) -> list[str]:
    """What the suffix of a tuned row means; empty without such rows.

    Args:
        records: The records under their short names.
    """
    if not any(_is_tuned(record) for record in records):
        return []
    return [
        f"[{TUNED}]: a search chose the values, for each dataset, protocol, budget and backbone by itself; the table "
        f"'{HEADING}' lists them."
    ]


def _place(record: Record) -> tuple[Any, ...]:
    """A sort key: the rows in the order of the other tables."""
    labels = record["labels"]
    protocol = protocol_order(record["config"]["protocol"])
    return record["dataset_label"], division(record), protocol, labels["backbone"], method_order(labels["method"])


def _is_tuned(record: Record) -> bool:
    """Whether a search chose values; before records held ``untuned``, those without a search had ``tuned`` as well."""
    return bool(record.get("tuned")) and ("untuned" in record or record["labels"]["method"] != record["method"])


def _row(record: Record) -> _Row:
    before = record.get("untuned", {"backbone": record["labels"]["backbone"], "method": record["method"]})
    protocol = protocol_label(record["config"]["protocol"])
    data = ", ".join(filter(None, [record["labels"]["dataset"], division(record)]))
    return data, protocol, before["backbone"], tuned_label(before["method"])


def _differing(record: Record) -> str:
    """The values of the backbone and the method that differ from their defaults, in words."""
    found = []
    for kind in ("backbone", "method"):
        defaults = record["plugins"][kind]["defaults"]
        prefix = f"{record[kind]}." if kind == "backbone" else ""
        found += [
            f"{prefix}{field} {text(value)}"
            for field, value in record["config"][kind].items()
            if value != defaults.get(field, value)
        ]
    return ", ".join(found) or "the defaults"
