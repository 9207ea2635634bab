"""Tests -> the appendix: a line per comparison, with its verdict, intervals and p-values."""

from __future__ import annotations

import pandas as pd

from coldbench.report.analysis.comparisons import COLUMN, MARKING
from coldbench.report.analysis.frame import Question
from coldbench.report.analysis.predictions import CROSSED, ITEMS
from coldbench.significance import BETTER, EQUAL, IDENTICAL, UNDECIDED, WORSE

_COMPARISON = [*COLUMN, "reference", "method"]
_BESIDE = {ITEMS: "over items", CROSSED: "over both"}


def wide(tests: pd.DataFrame, question: Question) -> pd.DataFrame:
    """One line per comparison of one dataset and protocol, ready to print.

    Args:
        tests: What ``comparisons.over_seeds`` gave, with what ``predictions.over_items`` gave below it.
        question: Its level and its margin.
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
        line |= {name: _interval(by_test[test].iloc[0]) for test, name in _BESIDE.items() if test in by_test}
        line["verdict"] = t["verdict"]
        line |= {"t: p": _p(t["p"]), "Holm": _p(t["p_holm"]), "BH": _p(t["p_bh"]), "Wilcoxon: p": _p(wilcoxon["p"])}
        lines.append(line)
    return pd.DataFrame(lines).fillna("")


def legend(tests: pd.DataFrame, question: Question) -> list[str]:
    """What the appendix's columns are, and why a p-value is missing, a sentence each."""
    level = f"{100 * (1 - question.alpha):g} %"
    lines = [
        f"Difference: {question.title} of the method minus that of the one it is compared with, mean over their common "
        f"seeds. Interval: what other seeds would change ({level}, Student's t), on the same test items.",
    ]
    if ITEMS in set(tests["test"]):
        lines.append(
            f"Over items: what other test items would change for the models as they were trained ({level}, bootstrap "
            f"of the items). Over both: other seeds and other items at once ({level}, variance components). Marks and "
            f"verdicts answer for seeds alone."
        )
    lines += [
        f"Verdict: {EQUAL}, where the {_level_of_equality(question)} lies within {question.margin:g} (two "
        f"one-sided t-tests, for each comparison by itself); else {BETTER} or {WORSE} by the t-test after Holm's "
        f"correction, else {UNDECIDED}.",
        "Holm: over the comparisons with the same backbone and phase; BH: Benjamini and Hochberg over those of all "
        "backbones and phases. Where the reference is the best one, it was picked by looking, so both are over all "
        "pairs of methods. Wilcoxon: exact.",
    ]
    notes = tests[["test", "note"]].dropna()
    notes = notes[~notes["note"].isin(["", IDENTICAL])].drop_duplicates()
    lines += [f"No p of the {'t-test' if test == MARKING else test}: {note}." for test, note in notes.to_numpy()]
    return lines


def _level_of_equality(question: Question) -> str:
    """The interval that has to lie within the margin, in words."""
    if question.reference is not None:
        return f"{100 * (1 - 2 * question.alpha):g} % interval over seeds"
    level = f"1 - {2 * question.alpha:g} / (methods - 1)"
    return f"interval over seeds of level {level}, since the best was picked by looking,"


def _interval(row: pd.Series) -> str:
    return "" if pd.isna(row["low"]) else f"{row['low']:+.4f} to {row['high']:+.4f}"


def _p(value: float) -> str:
    return "" if pd.isna(value) else f"{value:.4f}" if value >= 0.0001 else f"{value:.0e}"
