"""Tests -> the appendix: a line a comparison, with every test's p-value."""

from __future__ import annotations

import pandas as pd

from coldbench.report.analysis.comparisons import COLUMN, MARKING
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.predictions import ITEMS, ROWS
from coldbench.significance import IDENTICAL

_COMPARISON = [*COLUMN, "reference", "method"]


def wide(tests: pd.DataFrame, options: ReportOptions) -> pd.DataFrame:
    """One line per comparison of one dataset and protocol, ready to print.

    Args:
        tests: What ``comparisons.over_seeds`` gave, with what ``predictions.over_rows_and_items`` gave below it.
        options: Its level.
    """
    lines = []
    for key, found in tests.groupby(_COMPARISON, sort=False):
        about = dict(zip(_COMPARISON, key, strict=True))
        by_test = {str(test): rows for test, rows in found.groupby("test")}
        t, wilcoxon = by_test[MARKING].iloc[0], by_test["Wilcoxon"].iloc[0]
        line = {name: about[name] for name in ("backbone", "phase", "method")} | {"against": about["reference"]}
        line["seeds"] = str(t["seeds"])
        line["difference"] = f"{t['difference']:+.4f}"
        line["interval"] = _interval(t)
        line |= {"t: p": _p(t["p"]), "Holm": _p(t["p_holm"]), "BH": _p(t["p_bh"]), "Wilcoxon: p": _p(wilcoxon["p"])}
        if ROWS in by_test:
            rows = by_test[ROWS]
            line["DeLong"] = f"{int((rows['p'] < options.alpha).sum())} of {len(rows)}"
            line["interval over items"] = _interval(by_test[ITEMS].iloc[0])
        lines.append(line)
    return pd.DataFrame(lines).fillna("")


def legend(tests: pd.DataFrame, options: ReportOptions) -> list[str]:
    """What the appendix's columns are, and why a p-value is missing, a sentence each."""
    level = f"{100 * (1 - options.alpha):g} %"
    lines = [
        f"Difference: {options.title} of the method minus that of the one it is compared with, mean over their common "
        f"seeds, with the t-interval of {level}.",
        "Holm: over the comparisons with the same backbone and phase, over all pairs of methods where the reference is "
        "the best one; BH: Benjamini and Hochberg over all lines. Wilcoxon: exact.",
    ]
    if ROWS in set(tests["test"]):
        lines.append(
            f"DeLong: in how many seeds p < {options.alpha:g} for the two trained models on the test rows; interval "
            f"over items: of the mean difference, {level}, by a bootstrap of the test items. Both take the trained "
            f"models as given and say nothing about training them again, so no mark follows from them."
        )
    notes = tests[["test", "note"]].dropna()
    notes = notes[~notes["note"].isin(["", IDENTICAL])].drop_duplicates()
    lines += [f"No p of the {'t-test' if test == MARKING else test}: {note}." for test, note in notes.to_numpy()]
    return lines


def _interval(row: pd.Series) -> str:
    return "" if pd.isna(row["low"]) else f"{row['low']:+.4f} to {row['high']:+.4f}"


def _p(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.4f}" if value >= 0.0001 else f"{value:.0e}"
