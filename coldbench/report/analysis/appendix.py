"""Tests -> the appendix: one row per comparison, with the p-value of every test."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from coldbench.report.analysis.comparisons import COLUMN, MARKING
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.predictions import ITEMS, ROWS
from coldbench.report.analysis.table import Table, interval, text_row
from coldbench.significance import IDENTICAL

_COMPARISON = [*COLUMN, "reference", "method"]
_NAMES = ["backbone", "phase", "method", "against"]


def tests(found: pd.DataFrame, options: ReportOptions, place: str) -> Table | None:
    """The table of all tests of one dataset and protocol; None without a test.

    Args:
        found: The rows of ``comparisons.over_seeds``, followed by those of ``predictions.over_rows_and_items``.
        options: The metric and the level.
        place: The dataset, for the caption.
    """
    groups = found.groupby(_COMPARISON, sort=False)
    lines = pd.DataFrame(_line(list(map(str, key)), part, options) for key, part in groups).fillna("")
    if lines.empty:
        return None
    rows = [text_row(list(map(str, line)), len(_NAMES)) for line in lines.itertuples(index=False, name=None)]
    return Table(
        "All tests",
        list(map(str, lines.columns)),
        len(_NAMES),
        rows,
        lines=legend(found, options),
        caption=f"Tests of differences in {options.title} on {place}.",
        label=f"tests {place}",
        folded=True,
    )


def _line(key: Sequence[str], part: pd.DataFrame, options: ReportOptions) -> dict[str, str]:
    about = dict(zip(_COMPARISON, key, strict=True))
    by_test = {str(test): rows for test, rows in part.groupby("test")}
    t, wilcoxon = by_test[MARKING].iloc[0], by_test["Wilcoxon"].iloc[0]
    line = {name: about[name] for name in ("backbone", "phase", "method")} | {"against": about["reference"]}
    line["seeds"] = str(t["seeds"])
    line["difference"] = f"{t['difference']:+.4f}"
    line["interval"] = interval(t["low"], t["high"])
    line |= {"t: p": _p(t["p"]), "Holm": _p(t["p_holm"]), "BH": _p(t["p_bh"]), "Wilcoxon: p": _p(wilcoxon["p"])}
    if ROWS in by_test:
        rows, items = by_test[ROWS], by_test[ITEMS].iloc[0]
        line["DeLong"] = f"{int((rows['p'] < options.alpha).sum())} of {len(rows)}"
        line["interval over items"] = interval(items["low"], items["high"])
    return line


def legend(found: pd.DataFrame, options: ReportOptions) -> list[str]:
    """Sentences that say what the appendix's columns are, and why a p-value is missing."""
    lines = [
        f"Difference: {options.title} of the method minus that of the one it is compared with, mean over their common "
        f"seeds, with the t-interval of {options.level}.",
        "Holm: over the comparisons with the same backbone and phase, over all pairs of methods where the reference is "
        "the best one; BH: Benjamini and Hochberg over all lines. Wilcoxon: exact.",
    ]
    if ROWS in set(found["test"]):
        lines.append(
            f"DeLong: the number of seeds with p < {options.alpha:g} for the two trained models on the test rows; "
            f"interval over items: of the mean difference, {options.level}, by a bootstrap of the test items. Both "
            f"take the trained models as given and say nothing about training them again, so no mark follows from them."
        )
    notes = found[["test", "note"]].dropna()
    notes = notes[~notes["note"].isin(["", IDENTICAL])].drop_duplicates()
    names = {MARKING: "t-test", "Wilcoxon": "Wilcoxon test"}
    return [*lines, *(f"No p of the {names.get(test, test)}: {note}." for test, note in notes.to_numpy())]


def _p(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.4f}" if value >= 0.0001 else f"{value:.0e}"
