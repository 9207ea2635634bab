"""The card of a fitted truth: how well it predicts rows that nothing was fitted on, in rates and not only in ranks."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from coldbench.online.fitting.design import Rows
from coldbench.protocol.metrics import auc, logloss

_DECILES, _AGES = 10, 4


def card(rows: Rows, odds: np.ndarray, counts: np.ndarray, mean: float, item: np.ndarray) -> list[tuple[str, str]]:
    """The lines of the card.

    Args:
        rows: Rows that nothing was fitted on.
        odds: (rows,) their log-odds by the truth.
        counts: (items,) rows of each item in the log, by which items are grouped: the younger, the fewer.
        mean: The click rate of the rows that were trained on.
        item: (items,) log-odds of each item alone.
    """
    constant = np.full(len(odds), np.log(mean / (1 - mean)))
    parts = {"the truth": odds, "each item's own rate": item[rows.item], "the mean rate": constant}
    lines = [("rows checked", f"{len(odds):,}, used for nothing else")]
    lines.append(("log loss", "; ".join(f"{name} {logloss(rows.click, own):.4f}" for name, own in parts.items())))
    lines.append(("AUC", "; ".join(f"{name} {auc(rows.click, own):.4f}" for name, own in parts.items())))
    lines.append(("rate by decile, predicted / seen", rates(odds, odds, rows.click, _DECILES)))
    lines.append(("rate by rows of the item, predicted / seen", rates(odds, counts[rows.item], rows.click, _AGES)))
    lines.append(("rate by position", "the log has no positions"))
    return lines


def rates(odds: np.ndarray, by: np.ndarray, clicks: np.ndarray, groups: int) -> str:
    """Predicted and seen rates in groups of equally many rows, from low to high values of ``by``."""
    order = np.argsort(by, kind="stable")
    chance = expit(odds[order].astype(np.float64))
    pairs = zip(np.array_split(chance, groups), np.array_split(clicks[order], groups), strict=True)
    return "; ".join(f"{own.mean():.3f} / {seen.mean():.3f}" for own, seen in pairs if len(own))
