"""Metrics of predictions: pure functions of NumPy arrays, (labels, scores) -> float."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Metric:
    """The name, direction and number format of a metric of ``all_metrics``.

    Attributes:
        title: The metric's name in tables and figures.
        higher_is_better: Whether higher values are better.
        form: The format specification of its values.
        required: Whether every record must contain it; records of older versions may lack the other metrics.
        asked: The name by which ``--metrics`` asks for it; empty for metrics that are always measured.
    """

    title: str
    higher_is_better: bool
    form: str = ".4f"
    required: bool = False
    asked: str = ""

    @property
    def sign(self) -> int:
        """1 if higher is better, -1 if lower is better."""
        return 1 if self.higher_is_better else -1


METRICS = {  # by their names in records
    "auc": Metric("AUC", higher_is_better=True, required=True),
    "gauc": Metric("GAUC", higher_is_better=True),
    "logloss": Metric("log loss", higher_is_better=False),
    "item_auc": Metric("AUC within items", higher_is_better=True),
    "calibration": Metric("calibration error", higher_is_better=False),
    "recall": Metric("recall", higher_is_better=True, asked="topn"),
    "ndcg": Metric("NDCG", higher_is_better=True, asked="topn"),
    "cold_recall": Metric("recall among cold", higher_is_better=True, asked="topn"),
    "cold_ndcg": Metric("NDCG among cold", higher_is_better=True, asked="topn"),
    "cold_share": Metric("cold share", higher_is_better=True, asked="topn"),
    "cold_coverage": Metric("cold coverage", higher_is_better=True, asked="topn"),
    "gini": Metric("Gini", higher_is_better=False, asked="topn"),
}


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve; ties count half.

    Args:
        labels: (rows,) 0 or 1.
        scores: (rows,) on any monotone scale.

    Returns:
        A value in [0, 1]; NaN if only one class is present.
    """
    positive = labels > 0
    clicked = int(positive.sum())
    other = len(labels) - clicked
    if not clicked or not other:
        return float("nan")
    ranks = pd.Series(scores).rank().to_numpy()  # as scipy.stats has them, without its import
    return float((ranks[positive].sum() - clicked * (clicked + 1) / 2) / (clicked * other))


def logloss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean binary cross-entropy of (rows,) labels and (rows,) logits, in nats."""
    logits = logits.astype(np.float64)
    return float(np.mean(np.logaddexp(0.0, logits) - labels * logits))


def grouped_auc(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> float:
    """AUC within each group, averaged with the group's rows as weights (GAUC, Zhu et al. 2017).

    Groups with only one class have no AUC and are left out. The result is NaN if no group has an AUC.

    Args:
        labels: (rows,) 0 or 1.
        scores: (rows,) on any scale that is monotone within a group.
        groups: (rows,) the user (or item) of each row.
    """
    order = np.lexsort((scores, groups))
    labels, scores, groups = labels[order] > 0, scores[order], groups[order]
    first = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    sizes = np.diff(np.r_[first, len(groups)])
    member = np.repeat(np.arange(len(first)), sizes)
    # ties within a group get their average rank
    tie = np.r_[True, (scores[1:] != scores[:-1]) | (member[1:] != member[:-1])]
    run = np.cumsum(tie) - 1
    starts = np.flatnonzero(tie)
    ends = np.r_[starts[1:], len(scores)]
    rank = ((starts + ends + 1) / 2)[run] - first[member]
    clicked = np.bincount(member, labels, len(first))
    other = sizes - clicked
    total = np.bincount(member, rank * labels, len(first))
    both = (clicked > 0) & (other > 0)
    if not both.any():
        return float("nan")
    areas = (total[both] - clicked[both] * (clicked[both] + 1) / 2) / (clicked[both] * other[both])
    return float(np.average(areas, weights=sizes[both]))


def calibration_error(labels: np.ndarray, logits: np.ndarray, bins: int = 20) -> float:
    """Expected calibration error over bins of equally many rows: mean |click rate - mean prediction|."""
    order = np.argsort(logits, kind="stable")
    chances = 1 / (1 + np.exp(-logits[order].astype(np.float64)))
    parts = zip(np.array_split(labels[order], bins), np.array_split(chances, bins), strict=True)
    return float(
        sum(abs(label.mean() - chance.mean()) * len(label) for label, chance in parts if len(label)) / len(labels)
    )


def all_metrics(labels: np.ndarray, logits: np.ndarray, users: np.ndarray, items: np.ndarray) -> dict[str, float]:
    """Computes all metrics of a record, by name, from arrays of shape (rows,)."""
    return {
        "auc": auc(labels, logits),
        "logloss": logloss(labels, logits),
        "gauc": grouped_auc(labels, logits, users),
        "item_auc": grouped_auc(labels, logits, items),
        "calibration": calibration_error(labels, logits),
    }
