"""The published tables of all papers, by the names that coldbench uses."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

PUBLISHED = "paper"  # the label of the protocol that the tables are under
Key = int | str  # of a published table: 1 and 2 are those of the paper whose protocol this is
TABLES: dict[Key, str] = {
    1: "AVAEW 2023, Table 1",
    2: "AVAEW 2023, Table 2",
    "csdm figure 2": "CSDM 2025, supplement, figure 2",
    "csdm table 2": "CSDM 2025, supplement, Table 2",
}
_FILES = ("tables.csv", "csdm.csv")
_DATASETS = {"MovieLens-1M": "ml-1m", "MovieLens-25M": "ml-25m", "Taobao-AD": "taobao-ad"}
_BACKBONES = {"WD": ["wide_deep"], "PNN": ["ipnn", "opnn"]}  # CSDM does not say which product its PNN has
_METHODS = {"CSDM (no dropout)": "csdm[dropout=0]"}


@cache
def published() -> pd.DataFrame:
    """Columns table, dataset, backbone, method, phase, auc."""
    frames = []
    for name in _FILES:
        with files("coldbench.paper").joinpath(name).open() as file:
            frames.append(pd.read_csv(file).astype({"table": object}))
    frame = pd.concat(frames, ignore_index=True)
    frame["backbone"] = [_BACKBONES.get(name, [name.lower()]) for name in frame["backbone"]]
    frame = frame.explode("backbone", ignore_index=True)
    return frame.assign(
        dataset=frame["dataset"].replace(_DATASETS),
        method=[_METHODS.get(name, name.lower().replace("-", "_")) for name in frame["method"]],
    )


@cache
def methods() -> list[str]:
    """The methods of the paper whose protocol this is, in the order of its tables."""
    frame = published()
    return list(frame[frame["table"].isin((1, 2))]["method"].unique())


def auc(table: Key, protocol: str, dataset: str, backbone: str, method: str, phase: str) -> float | None:
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
