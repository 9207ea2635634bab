"""Top-N metrics -> a table of means over seeds, for records that hold them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from coldbench.protocol.metrics import METRICS
from coldbench.report.analysis.names import counted
from coldbench.report.analysis.table import Cell, Table, number
from coldbench.runs.record import Record

TOPN = "topn"  # in a record's configuration and in the frame
_NAMES = ["backbone", "method", "phase"]
_MEASURED = [name for name, metric in METRICS.items() if metric.asked == TOPN]


def comparable(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """Copies of the records in which top-N counts only where it was measured as in the newest of them.

    Returns:
        The records, and a sentence if some values do not count.
    """
    asked = [record for record in records if TOPN in record["config"]]
    if not asked:
        return list(records), []
    settings = [record["config"][TOPN] for record in asked]  # of two in the same second, the more frequent one
    newest = max(asked, key=lambda record: (str(record["finished"]), settings.count(record["config"][TOPN])))
    newest = newest["config"][TOPN]
    others = [record["key"] for record in asked if record["config"][TOPN] != newest]
    kept = [_without(record) if record["key"] in others else record for record in records]
    note = f"Top-N counts for {described(newest)}; {counted(len(others), 'cell')} measured it otherwise."
    return kept, [note] if others else []


def described(settings: dict[str, int]) -> str:
    """``1,000 users and lists of 20``."""
    return f"{settings['users']:,} users and lists of {settings['k']}"


def table(frame: pd.DataFrame, place: str) -> Table | None:
    """Means over seeds, one row per backbone, method and phase; None where no record holds top-N.

    Args:
        frame: The rows of one dataset and protocol (``frame.tidy``).
        place: The dataset, for the caption.
    """
    columns = [name for name in _MEASURED if name in frame and frame[name].notna().any()]
    if not columns:
        return None
    means = frame.groupby(_NAMES, sort=False)[columns].mean().dropna(how="all").reset_index()
    rows = [
        [*(Cell(str(line[name])) for name in _NAMES), *(number(float(line[name]), ".4f") for name in columns)]
        for _, line in means.iterrows()
    ]
    how = next(text for text in frame[TOPN] if text)
    return Table(
        "Top-N",
        [*_NAMES, *(METRICS[name].title for name in columns)],
        len(_NAMES),
        rows,
        f"Means over seeds; {how} from all old and new items. Recall and NDCG: of clicks in test rows, all of them "
        "on cold items; first among all items, then among the cold ones. Cold share: the share of the lists' places "
        "that cold items take. Cold coverage: the share of cold items in any list. Gini: of the items' places.",
        caption=f"Top-N on {place}: {how}.",
        label=f"topn {place}",
    )


def _without(record: Record) -> Record:
    config = {name: value for name, value in record["config"].items() if name != TOPN}
    phases = [{name: value for name, value in phase.items() if name not in _MEASURED} for phase in record["phases"]]
    return record | {"config": config, "phases": phases}
