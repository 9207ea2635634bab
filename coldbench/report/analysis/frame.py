"""Records -> one tidy frame with one row per cell and phase."""

from __future__ import annotations

from collections.abc import Container, Sequence

import pandas as pd

from coldbench.core.config import text
from coldbench.protocol.metrics import METRICS
from coldbench.report.analysis.datasets import content, current
from coldbench.report.analysis.names import (
    CELL,
    counted,
    method_order,
    protocol_label,
    protocol_order,
)
from coldbench.report.analysis.topn import TOPN, comparable, described
from coldbench.run.cell import division, shots_label, split_label
from coldbench.run.record import Record

_IDENTITY = ("settings", *CELL)


def tidy(records: Sequence[Record]) -> tuple[pd.DataFrame, list[str]]:
    """A frame with one row per cell and phase, with labels, names and all metrics.

    Of records of one cell that different versions of the code computed, the newest counts; of one dataset's data,
    too, the newest (``datasets.current``).

    Returns:
        The frame, and sentences that a reader of it should know, such as which records do not count.
    """
    records, notes = current(records)
    records, unlike = comparable(records)
    notes += unlike
    several = len({shots_label(record) for record in records}) > 1
    rows = [
        {
            "dataset": record["dataset_label"] + _division_suffix(record, several),
            "dataset_label": record["dataset_label"],
            "dataset_name": ", ".join(filter(None, [record["labels"]["dataset"], split_label(record)])),
            "division": division(record),
            "by_shots": bool(shots_label(record)),
            **dict(zip(("fingerprint", "variant"), content(record), strict=True)),
            "settings": str(sorted(record["config"]["settings"].items())),
            "protocol": protocol_label(record["config"]["protocol"]),
            "protocol_name": record["config"]["protocol"]["name"],
            "budget": record["config"]["protocol"].get("budget"),
            "backbone": record["labels"]["backbone"],
            "method": record["labels"]["method"],
            "seed": record["seed"],
            "key": record["key"],
            "generation": record["generation"],
            TOPN: described(record["config"][TOPN]) if TOPN in record["config"] else "",
            "point": point,
            **phase,
        }
        for record in records
        for point, phase in enumerate(record["phases"])
    ]
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame, notes
    measured = [name for name in METRICS if name in frame]
    frame[measured] = frame[measured].apply(pd.to_numeric)  # None where no record of a run has a value
    frame = frame.sort_values(["generation", "key"], kind="stable")
    newest = frame.drop_duplicates([*_IDENTITY, "phase"], keep="last")
    superseded = frame["key"].nunique() - newest["key"].nunique()
    if superseded:
        notes.append(
            f"Of {counted(superseded, 'cell')} there are results of an older version of the code; the newer count."
        )
    if newest["settings"].nunique() > 1:
        newest = newest.assign(dataset=newest["dataset"] + newest["key"].map(settings_suffixes(records)))
        notes.append("The cells differ in the settings that all methods share; tables keep them apart.")
    order = {label: place for place, label in enumerate(sorted(newest["method"].unique(), key=method_order))}
    rules = sorted((record["config"]["protocol"] for record in records), key=protocol_order)
    rank = {protocol_label(each): number for number, each in enumerate(rules)}
    newest = newest.assign(_protocol=newest["protocol"].map(rank), _method=newest["method"].map(order))
    newest = newest.sort_values(["dataset", "_protocol", "backbone", "_method", "seed", "point"], ignore_index=True)
    return newest.drop(columns=["_protocol", "_method", "point"]), notes


def _division_suffix(record: Record, several: bool) -> str:
    """What a dataset's label adds for its split, and for its evaluation points if a run has several lists of them."""
    split, shots = split_label(record), shots_label(record) if several else ""
    return (f", {split}" if split else "") + (f" ({shots})" if shots else "")


def phases(frame: pd.DataFrame) -> list[str]:
    """The evaluation points of a frame, in order."""
    return list(map(str, frame["phase"].unique()))


def values(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Seeds as rows, methods as columns, for one dataset, backbone and phase."""
    return frame.pivot(index="seed", columns="method", values=metric)[frame["method"].unique()]


def counting(records: Sequence[Record], frame: pd.DataFrame) -> list[Record]:
    """Copies of the records that are in a frame, with the unique label that their data have there."""
    labels = frame.drop_duplicates("key").set_index("key")["dataset_label"].to_dict()
    return [record | {"dataset_label": labels[record["key"]]} for record in records if record["key"] in labels]


def settings_suffixes(records: Sequence[Record], among: Container[str] | None = None) -> dict[str, str]:
    """Key of a record -> the settings in which records differ, as a table adds them to a dataset's label.

    Args:
        records: The records.
        among: Names of the settings that count; None for all.

    Returns:
        Texts such as ``" (phase_epochs 10)"``; all empty where every record has the same settings.
    """
    used = {record["key"]: record["config"]["settings"] for record in records}
    names = dict.fromkeys(name for settings in used.values() for name in settings if among is None or name in among)
    varied = [name for name in names if len({text(settings.get(name)) for settings in used.values()}) > 1]
    shown = {key: ", ".join(f"{name} {text(own.get(name))}" for name in varied) for key, own in used.items()}
    return {key: f" ({differing})" if differing else "" for key, differing in shown.items()}
