"""Tests -> the appendix: one row per comparison, with the p-value of every test."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from coldbench.report.analysis.comparisons import COLUMN, MARKING
from coldbench.report.analysis.legends import equality
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.predictions import CROSSED, ITEMS
from coldbench.report.analysis.table import Table, interval, text_row
from coldbench.significance import BETTER, EQUAL, IDENTICAL, UNDECIDED, WORSE

_COMPARISON = [*COLUMN, "reference", "method"]
_BESIDE = {ITEMS: "over items", CROSSED: "over both"}
_NAMES = ["backbone", "phase", "method", "against"]


def tests(found: pd.DataFrame, options: ReportOptions, place: str) -> Table | None:
    """The table of all tests of one dataset and protocol; None without a test.

    Args:
        found: The rows of ``comparisons.over_seeds``, followed by those of ``predictions.over_items``.
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
    for test, name in _BESIDE.items():
        if test in by_test:
            line[name] = interval(by_test[test].iloc[0]["low"], by_test[test].iloc[0]["high"])
    line["verdict"] = str(t["verdict"])
    line |= {"t: p": _p(t["p"]), "Holm": _p(t["p_holm"]), "BH": _p(t["p_bh"]), "Wilcoxon: p": _p(wilcoxon["p"])}
    return line


def legend(found: pd.DataFrame, options: ReportOptions) -> list[str]:
    """Sentences that say what the appendix's columns are, and why a p-value is missing."""
    lines = [
        f"Difference: {options.title} of the method minus that of the one it is compared with, mean over their common "
        f"seeds. Interval: what other seeds would change ({options.level}, Student's t), on the same test items.",
    ]
    if ITEMS in set(found["test"]):
        lines.append(
            f"Over items: what other test items would change for the models as they were trained ({options.level}, "
            f"bootstrap of the items). Over both: other seeds and other items at once ({options.level}, variance "
            f"components). Marks and verdicts answer for seeds alone."
        )
    lines += [
        f"Verdict: {EQUAL}, where the {equality(options)}; else {BETTER} or {WORSE} by the t-test after Holm's "
        f"correction, else {UNDECIDED}.",
        "Holm: over the comparisons with the same backbone and phase; BH: Benjamini and Hochberg over those of all "
        "backbones and phases. Where the reference is the best one, it was picked by looking, so both are over all "
        "pairs of methods. Wilcoxon: exact.",
    ]
    notes = found[["test", "note"]].dropna()
    notes = notes[~notes["note"].isin(["", IDENTICAL])].drop_duplicates()
    names = {MARKING: "t-test", "Wilcoxon": "Wilcoxon test"}
    return [*lines, *(f"No p of the {names.get(test, test)}: {note}." for test, note in notes.to_numpy())]


def _p(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.4f}" if value >= 0.0001 else f"{value:.0e}"
