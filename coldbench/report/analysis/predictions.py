"""Predictions -> intervals over test items, alone and crossed with seeds."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from coldbench.core.cores import usable_cores
from coldbench.report.analysis.comparisons import COLUMN, reference_of
from coldbench.report.analysis.frame import values
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.titles import UNTITLED, Titles, title_of
from coldbench.runs.folder import Folder
from coldbench.runs.record import Record
from coldbench.significance import bootstrap_aucs, crossed
from coldbench.significance.items import summarise

REPLICATES = 200
MOST = 20_000_000  # predictions of a backbone: half a minute
ITEMS, CROSSED = "bootstrap of items", "seeds x items"


@dataclass(frozen=True)
class _Scores:
    """One backbone's predictions on one dataset.

    Attributes:
        labels: (rows,) clicks.
        items: (rows,) the item of each row.
        logits: (rows,) by method, seed and phase.
    """

    labels: np.ndarray
    items: np.ndarray
    logits: dict[tuple[str, int, str], np.ndarray]


def over_items(
    frame: pd.DataFrame, records: list[Record], folder: Folder, options: ReportOptions, titles: Titles = UNTITLED
) -> tuple[pd.DataFrame, list[str]]:
    """Two intervals of the mean difference: over items for the trained models, and over seeds and items at once.

    The first takes the trained models as given: it says whether these models differ on other items, not whether the
    methods would differ if they were trained again. The second answers for both. No mark follows from either.

    Returns:
        Rows as those of ``comparisons.over_seeds`` without p-values, empty where the metric is not AUC; and a line for
        each backbone that was left out, because predictions are missing or too many.
    """
    if options.metric != "auc":
        return pd.DataFrame(), []
    keyed = {record["key"]: record for record in records}
    rows: list[dict[str, object]] = []
    left_out = []
    for (dataset, protocol, backbone), part in frame.groupby(COLUMN[:3], sort=False):
        scores = _load(part, keyed, folder)
        if isinstance(scores, str):
            name = title_of(titles, "backbone", str(backbone))
            left_out.append(f"No interval over items for {name} on {dataset}, {protocol}: {scores}.")
            continue
        columns = {column: values(cells, "auc") for column, cells in part.groupby(COLUMN, sort=False)}
        intervals = functools.partial(_intervals, scores=scores, options=options)
        with ThreadPoolExecutor(usable_cores()) as threads:  # numpy lets the others run while it sorts and adds up
            found = threads.map(intervals, (str(column[-1]) for column in columns), columns.values())
        for column, rows_of_column in zip(columns, found, strict=True):
            about = dict(zip(COLUMN, column, strict=True)) | {"metric": options.metric}
            rows += [about | each for each in rows_of_column]
    return pd.DataFrame(rows), left_out


def _load(part: pd.DataFrame, keyed: Mapping[str, Record], folder: Folder) -> _Scores | str:
    """The predictions of all cells, or why they are of no use."""
    logits: dict[tuple[str, int, str], np.ndarray] = {}
    first: pa.Table | None = None
    for key, cells in part.groupby("key", sort=False):
        record = keyed[str(key)]
        table = folder.predictions(record)
        name = Path(record.get("predictions", "predictions")).name
        if table is None or not {"row", "item", "click", *cells["phase"]} <= set(table.column_names):
            return f"{name} is missing or cut off"
        if not folder.is_whole(record):
            return f"{name} was changed after it was written"
        if len(part) * table.num_rows > MOST:
            return f"{len(part) * table.num_rows:,} predictions, more than {MOST:,}, would take minutes"
        if first is not None and not table["row"].equals(first["row"]):
            return f"{name} is of other test rows"
        first = first or table
        cell = record["labels"]["method"], record["seed"]
        logits |= {(*cell, phase): table[phase].to_numpy() for phase in cells["phase"]}
        if any(np.isnan(logits[*cell, phase]).any() for phase in cells["phase"]):
            return f"{name} holds NaN"
    assert first is not None  # a group has cells
    return _Scores(first["click"].to_numpy(), first["item"].to_numpy(), logits)


def _intervals(phase: str, matrix: pd.DataFrame, scores: _Scores, options: ReportOptions) -> list[dict[str, object]]:
    """Both intervals of every method in one column of a table; ``matrix`` holds its AUCs, (seeds, methods)."""
    reference = reference_of(matrix, options)
    if reference is None:
        return []
    models = [(str(method), int(seed)) for method in matrix for seed in matrix[method].dropna().index]
    stacked = np.stack([scores.logits[method, seed, phase] for method, seed in models])
    drawn = bootstrap_aucs(scores.labels, scores.items, stacked, REPLICATES, within=False)
    place = {model: number for number, model in enumerate(models)}
    point = np.array([matrix.at[seed, method] for method, seed in models], float)
    items = len(np.unique(scores.items))
    rows: list[dict[str, object]] = []
    for method in map(str, matrix):
        seeds = matrix[[method, reference]].dropna().index
        if method == reference or not len(seeds):
            continue
        ours, theirs = ([place[name, seed] for seed in seeds] for name in (method, reference))
        whole = summarise(point[ours + theirs], drawn[:, ours + theirs], len(seeds), options.alpha, items)
        both = crossed(point[ours] - point[theirs], drawn[:, ours] - drawn[:, theirs], items, options.alpha)
        about = {"reference": reference, "method": method, "seeds": len(seeds), "difference": whole.difference}
        for test, unit, (low, high) in ((ITEMS, "item", whole.interval), (CROSSED, "seed x item", both.interval)):
            rows.append(about | {"test": test, "unit": unit, "low": low, "high": high})
    return rows
