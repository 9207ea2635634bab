"""The table of shots: what each method adds to the baseline after each number of interactions per new item."""

from __future__ import annotations

import numpy as np
import pandas as pd

from coldbench.report.analysis.comparisons import MARKING
from coldbench.report.analysis.entries import Block, axes
from coldbench.report.analysis.names import baseline
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.table import MARKS, REFERENCE, Cell, Table
from coldbench.report.analysis.titles import UNTITLED, Titles, title_of
from coldbench.significance import BETTER, EQUAL, UNDECIDED, WORSE


def by_shots(
    block: Block, against: pd.DataFrame, options: ReportOptions, place: str, titles: Titles = UNTITLED
) -> Table | None:
    """Differences to the baseline with their verdicts, a column per evaluation point.

    Args:
        block: The entries of one dataset under one protocol, tested against the baseline.
        against: These tests (``comparisons.over_seeds``).
        options: The metric, the margin and the level.
        place: The dataset, for the caption.
        titles: Titles of backbones and methods.

    Returns:
        The table, or None where no backbone has both the baseline and another method.
    """
    backbones, methods, phases = axes(block)
    found = {
        (test["backbone"], test["method"], test["phase"]): test
        for _, test in against[against["test"] == MARKING].iterrows()
    }
    reference = baseline(methods)
    rows = []
    for backbone in backbones:
        others = [method for method in methods if (backbone, method, phases[0]) in found]
        if others:
            base = [block.get((backbone, reference, phase)) for phase in phases]
            means = [Cell(f"{own.mean:.4f}", own.mean, mark=REFERENCE) if own else Cell("") for own in base]
            rows.append([Cell(backbone), Cell(reference), *means])
        for method in others:
            keys = [(backbone, method, phase) for phase in phases]
            cells = [_difference(found[key]) if key in found else Cell("") for key in keys]
            rows.append([Cell(backbone), Cell(method), *cells])
    if not rows:
        return None
    name = title_of(titles, "method", reference)
    return Table(
        f"Difference to {name} by shots",
        ["backbone", "method", *phases],
        2,
        rows,
        _legend(name, options),
        caption=f"Difference in {options.title} to {name} by interactions per new item on {place}.",
        label=f"shots {place}",
    )


def _difference(test: pd.Series) -> Cell:
    half = (test["high"] - test["low"]) / 2
    beside = f"± {half:.4f}" if np.isfinite(half) else ""
    verdict = str(test["verdict"])
    p_value = f"p = {test['p_holm']:.2g} after Holm's correction" if np.isfinite(test["p_holm"]) else ""
    note = ", ".join(filter(None, [verdict, p_value]))
    return Cell(f"{test['difference']:+.4f}", float(test["difference"]), beside, verdict, note=note)


def _legend(name: str, options: ReportOptions) -> str:
    marks = ", ".join(f"{MARKS[verdict]} {verdict}" for verdict in (BETTER, WORSE, EQUAL, UNDECIDED))
    return (
        f"First row: the mean {options.title} of {name} ({MARKS[REFERENCE]}). Others: {options.title} minus that of "
        f"{name}, paired by seed, ± half the {options.level} interval (Student's t over seeds). {marks}. A method is "
        f"{EQUAL} where the {100 * (1 - 2 * options.alpha):g} % interval lies within {options.margin:g} (two "
        f"one-sided t-tests), whatever else is shown; {BETTER} or {WORSE} by the paired t-test, two-sided at "
        f"{options.alpha:g}, Holm over the methods with the same backbone and number of shots."
    )
