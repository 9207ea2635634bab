"""Predictions -> tests of given models, by test row and by test item: DeLong and a bootstrap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from coldbench.records import Folder, Record
from coldbench.report.comparisons import COLUMN, reference_of
from coldbench.report.frame import Question, values
from coldbench.significance import bootstrap_aucs, delong
from coldbench.significance.items import summarise

REPLICATES = 200
ROWS, ITEMS = "DeLong", "bootstrap of items"


@dataclass(frozen=True)
class _Scores:
    """One backbone's predictions on one dataset.

    Attributes:
        labels: (rows,) clicks.
        items: (rows,) the item of each row.
        logits: By method, seed and phase, (rows,).
    """

    labels: np.ndarray
    items: np.ndarray
    logits: dict[tuple[str, int, str], np.ndarray]


def over_rows_and_items(frame: pd.DataFrame, records: list[Record], folder: Folder, question: Question) -> pd.DataFrame:
    """DeLong's test in every seed, and the interval of the mean difference over items.

    Both take the trained models as given: they say whether these models differ on other rows or items, not whether the
    methods would differ if they were trained again. No mark follows from them.

    Returns:
        Rows as those of ``comparisons.over_seeds``, with a column seed for DeLong's; empty where the metric is not AUC
        or predictions are missing.
    """
    if question.metric != "auc":
        return pd.DataFrame()
    keyed = {record["key"]: record for record in records}
    rows: list[dict[str, object]] = []
    for _, part in frame.groupby(COLUMN[:3], sort=False):
        scores = _load(part, keyed, folder)
        if scores is None:
            continue
        for column, cells in part.groupby(COLUMN, sort=False):
            about = dict(zip(COLUMN, column, strict=True)) | {"metric": question.metric}
            rows += [about | found for found in _column(values(cells, "auc"), scores, str(column[-1]), question)]
    return pd.DataFrame(rows)


def _load(part: pd.DataFrame, keyed: Mapping[str, Record], folder: Folder) -> _Scores | None:
    """The predictions of all cells, or None where one is missing or was made on other rows."""
    logits: dict[tuple[str, int, str], np.ndarray] = {}
    first: pa.Table | None = None
    for key, cells in part.groupby("key", sort=False):
        record = keyed[str(key)]
        table = folder.predictions(record)
        if table is None or (first is not None and not table["row"].equals(first["row"])):
            return None
        first = first or table
        cell = record["labels"]["method"], record["seed"]
        logits |= {(*cell, phase): table[phase].to_numpy() for phase in cells["phase"]}
    if first is None or any(np.isnan(scores).any() for scores in logits.values()):
        return None
    return _Scores(first["click"].to_numpy(), first["item"].to_numpy(), logits)


def _column(matrix: pd.DataFrame, scores: _Scores, phase: str, question: Question) -> Iterator[dict[str, object]]:
    reference = reference_of(matrix, question)
    if reference is None:
        return
    models = [(str(method), int(seed)) for method in matrix for seed in matrix[method].dropna().index]
    stacked = np.stack([scores.logits[method, seed, phase] for method, seed in models])
    drawn = bootstrap_aucs(scores.labels, scores.items, stacked, REPLICATES, within=False)
    place = {model: number for number, model in enumerate(models)}
    point = np.array([matrix.at[seed, method] for method, seed in models], float)
    items = len(np.unique(scores.items))
    for method in map(str, matrix):
        seeds = matrix[[method, reference]].dropna().index
        if method == reference or not len(seeds):
            continue
        about = {"reference": reference, "method": method}
        ours, theirs = ([place[name, seed] for seed in seeds] for name in (method, reference))
        whole = summarise(point[ours + theirs], drawn[:, ours + theirs], len(seeds), question.alpha, items)
        low, high = whole.interval
        yield about | {
            "test": ITEMS,
            "unit": "item",
            "seeds": len(seeds),
            "difference": whole.difference,
            "low": low,
            "high": high,
        }
        for seed, one, other in zip(seeds, ours, theirs, strict=True):
            found = delong(scores.labels, stacked[one], stacked[other], question.alpha)
            low, high = found.interval
            yield about | {
                "test": ROWS,
                "unit": "row",
                "seeds": 1,
                "seed": seed,
                "difference": found.difference,
                "low": low,
                "high": high,
                "p": found.p_value,
            }
