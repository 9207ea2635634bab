"""Records -> one tidy frame, a row per cell and phase; and what is asked of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from coldbench.core.errors import InputError, unknown
from coldbench.protocol.phases import COLD, PROTOCOLS
from coldbench.protocol.split import WARM_PHASES
from coldbench.report.analysis import paper
from coldbench.run.folder import Record
from coldbench.significance import MARGIN

PHASES = (COLD, *WARM_PHASES)
BASELINE = "base"
CELL = ("dataset", "protocol", "backbone", "method", "seed")
METRICS = {  # name in a record -> what tables call it, and whether higher is better
    "auc": ("AUC", True),
    "gauc": ("GAUC", True),
    "logloss": ("log loss", False),
    "item_auc": ("AUC within items", True),
    "calibration": ("calibration error", False),
}
_IDENTITY = ("dataset_name", "fingerprint", "settings", *CELL)


@dataclass(frozen=True)
class Question:
    """What a report is to say.

    Attributes:
        metric: One of ``METRICS``.
        reference: The method that the others are tested against; None for the best one of each column.
        alpha: The level of the tests; 1 - alpha is the level of the intervals.
        margin: The largest difference that does not matter, in the metric's unit: methods that differ by less are
            practically equal.
    """

    metric: str = "auc"
    reference: str | None = None
    alpha: float = 0.05
    margin: float = MARGIN

    @property
    def title(self) -> str:
        """What tables call the metric."""
        return METRICS[self.metric][0]

    @property
    def higher_is_better(self) -> bool:
        """The metric's direction."""
        return METRICS[self.metric][1]

    def check(self, frame: pd.DataFrame) -> None:
        """Checks it against a run's results.

        Raises:
            InputError: The metric or the reference is unknown or not in the results, alpha is no level, or the margin
                is not positive.
        """
        if self.metric not in METRICS:
            raise unknown("metric", self.metric, METRICS)
        if self.metric not in frame:
            raise InputError(f"no record of this run holds {self.metric}; it was computed by another version")
        if not 0 < self.alpha < 1:
            raise InputError(f"--alpha {self.alpha:g} should be between 0 and 1, such as 0.05")
        if not 0 < self.margin < math.inf:
            raise InputError(f"--margin {self.margin:g} should be a positive number, such as {MARGIN}")
        if self.reference is not None and self.reference not in set(frame["method"]):
            raise unknown("reference method", self.reference, frame["method"].unique())


def tidy(records: Sequence[Record]) -> tuple[pd.DataFrame, list[str]]:
    """One row per cell and phase, with labels, names and all metrics.

    Where two records are of one cell, computed by different versions of the code, the newer one counts.

    Returns:
        The frame, and a line for each thing that a reader should know of it.
    """
    rows = [
        {
            "dataset": _dataset_label(record),
            "dataset_name": record["labels"]["dataset"],
            "fingerprint": record["fingerprint"],
            "settings": str(sorted(record["config"]["settings"].items())),
            "protocol": record["protocol"],
            "backbone": record["labels"]["backbone"],
            "method": record["labels"]["method"],
            "seed": record["seed"],
            "key": record["key"],
            "generation": record["generation"],
            **phase,
        }
        for record in records
        for phase in record["phases"]
    ]
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame, []
    frame = frame.sort_values(["generation", "key"], kind="stable")
    newest = frame.drop_duplicates([*_IDENTITY, "phase"], keep="last")
    notes = []
    superseded = frame["key"].nunique() - newest["key"].nunique()
    if superseded:
        notes.append(f"{superseded} cells were computed again by a newer version of the code; the newer ones count.")
    if newest["settings"].nunique() > 1:
        newest = newest.assign(dataset=_with_settings(newest))
        notes.append("The cells differ in the settings that all methods share; tables keep them apart.")
    order = {label: place for place, label in enumerate(sorted(newest["method"].unique(), key=method_order))}
    place = newest["phase"].map({phase: number for number, phase in enumerate(PHASES)})
    rules = newest["protocol"].map(protocol_order)
    newest = newest.assign(_protocol=rules, _method=newest["method"].map(order), _phase=place)
    newest = newest.sort_values(["dataset", "_protocol", "backbone", "_method", "seed", "_phase"], ignore_index=True)
    return newest.drop(columns=["_protocol", "_method", "_phase"]), notes


def short_names(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """Calls a method whose hyper-parameters a search chose ``cvar[tuned]``: they are others on each backbone.

    Where a backbone has two such variants of a method they keep their full labels.

    Returns:
        The records, and a line for each name with the values behind it.
    """
    variants: dict[tuple[str, ...], set[str]] = {}
    for record in records:
        if record.get("tuned"):
            variants.setdefault(_tuned_part(record), set()).add(record["labels"]["method"])
    searched = {part[-1] for part, labels in variants.items() if any("[" in label for label in labels)}
    meant = {part: label for part, (label, *others) in variants.items() if not others and part[-1] in searched}
    named = []
    for record in records:
        if record.get("tuned") and _tuned_part(record) in meant:
            record = record | {"labels": record["labels"] | {"method": f"{record['method']}[tuned]"}}
        named.append(record)
    lines = [
        f"{method}[tuned] on {data} with {backbone} is {label}." for (data, backbone, method), label in meant.items()
    ]
    return named, sorted(lines)


def _tuned_part(record: Record) -> tuple[str, ...]:
    return record["labels"]["dataset"], record["labels"]["backbone"], record["method"]


def values(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Seeds as rows, methods as columns, for one dataset, backbone and phase."""
    return frame.pivot(index="seed", columns="method", values=metric)[frame["method"].unique()]


def _dataset_label(record: Record) -> str:
    """What tables call the data: its own label, with what of its configuration is not the default."""
    _, bracket, rest = record["labels"]["dataset"].partition("[")
    return record["dataset_label"] + (f" [{rest}" if bracket else "")


def _with_settings(frame: pd.DataFrame) -> pd.Series:
    numbers = {text: number for number, text in enumerate(sorted(frame["settings"].unique()), 1)}
    return frame["dataset"] + frame["settings"].map(lambda text: f" (settings {numbers[text]})")


def protocol_order(label: str) -> tuple[int, int, str]:
    """Sorts protocols from the published one to the strictest, and budgets by size."""
    name, _, rest = label.partition("[")
    digits = "".join(filter(str.isdigit, rest))
    return (list(PROTOCOLS).index(name) if name in PROTOCOLS else len(PROTOCOLS), int(digits or 1), label)


def method_order(label: str) -> tuple[int, str]:
    """Sorts methods as the paper's tables do, the others by name behind them."""
    name = label.partition("[")[0]
    published = paper.methods()
    return (published.index(name) if name in published else len(published), label)
