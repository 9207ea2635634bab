"""The published Tables 1 and 2, by the names that coldbench uses."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

PUBLISHED = "paper"  # the label of the protocol that the tables are under
_DATASETS = {"MovieLens-1M": "ml-1m", "MovieLens-25M": "ml-25m", "Taobao-AD": "taobao-ad"}
_BACKBONES = {"WD": "wide_deep"}


@cache
def published() -> pd.DataFrame:
    """Columns table, dataset, backbone, method, phase, auc."""
    with files("coldbench.paper").joinpath("tables.csv").open() as file:
        frame = pd.read_csv(file)
    return frame.assign(
        dataset=frame["dataset"].replace(_DATASETS),
        backbone=frame["backbone"].replace(_BACKBONES).str.lower(),
        method=frame["method"].str.lower().str.replace("-", "_"),
    )


@cache
def methods() -> list[str]:
    """The published methods, in the order of the tables."""
    return list(published()["method"].unique())


def auc(table: int, protocol: str, dataset: str, backbone: str, method: str, phase: str) -> float | None:
    """The published number, or None. Only default configurations under the ``paper`` protocol have one."""
    if protocol != PUBLISHED:
        return None
    found = _numbers().get((table, dataset, backbone, method, phase))
    return None if found is None else float(found)


@cache
def _numbers() -> dict[tuple, float]:
    keys = ["table", "dataset", "backbone", "method", "phase"]
    frame = published()
    return dict(zip(frame[keys].itertuples(index=False, name=None), frame["auc"], strict=True))
