"""Across datasets and backbones: effect sizes, Friedman's test, Nemenyi's critical difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from coldbench.report.analysis.frame import BASELINE, Question
from coldbench.report.writers.tables import Told
from coldbench.significance import Friedman, effect, friedman

BLOCK = ["dataset", "backbone"]


def blocks(frame: pd.DataFrame, phase: str, question: Question) -> pd.DataFrame:
    """Means over seeds, a row a dataset with a backbone, a column a method; methods that a block lacks are left out.

    Args:
        frame: Of one protocol.
        phase: One phase.
        question: The metric.
    """
    part = frame[frame["phase"] == phase]
    return part.pivot_table(index=BLOCK, columns="method", values=question.metric, sort=False).dropna(axis="columns")


def ranked(frame: pd.DataFrame, phase: str, question: Question) -> tuple[list[str], Friedman]:
    """Methods in the order of their mean ranks' columns, and Friedman's test of them."""
    matrix = blocks(frame, phase, question)
    return list(matrix.columns), friedman(matrix.to_numpy(float), question.higher_is_better, question.alpha)


def effects(frame: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Effect sizes of each method against the reference, or else the baseline, per phase.

    Args:
        frame: Of one protocol.
        question: The metric, the reference and the level.

    Returns:
        Columns phase, method, against, blocks, difference, low, high, improvement, improvement_low and
        improvement_high; empty where the run lacks the method to compare with.
    """
    against = question.reference or BASELINE
    rows = []
    for phase, part in frame.groupby("phase", sort=False):
        matrix = part.pivot(index=[*BLOCK, "seed"], columns="method", values=question.metric)
        for method in part["method"].unique():
            if against not in matrix or method == against:
                continue
            both = matrix[[method, against]].dropna()
            groups = [group.to_numpy(float).T for _, group in both.groupby(BLOCK, sort=False)]
            ours, theirs = [group[0] for group in groups], [group[1] for group in groups]
            if not groups:
                continue
            found = effect(ours, theirs, question.higher_is_better, alpha=question.alpha)
            rows.append(
                {"phase": phase, "method": method, "against": against, "blocks": found.blocks}
                | {"difference": found.difference}
                | dict(zip(("low", "high"), found.difference_interval, strict=True))
                | {"improvement": found.improvement}
                | dict(zip(("improvement_low", "improvement_high"), found.improvement_interval, strict=True))
            )
    return pd.DataFrame(rows)


def told(frame: pd.DataFrame, question: Question) -> list[Told]:
    """Effect sizes and ranks of one protocol; nothing where there is nothing to compare."""
    sizes = effects(frame, question)
    if sizes.empty:
        return []
    rows = [
        [
            str(row.phase),
            str(row.method),
            str(row.blocks),
            f"{row.difference:+.4f}" + _interval(row.low, row.high, "+.4f"),
            f"{row.improvement:.2f}" + _interval(row.improvement_low, row.improvement_high, ".2f"),
        ]
        for row in sizes.itertuples()
    ]
    against, level = sizes["against"].iloc[0], f"{100 * (1 - question.alpha):g} %"
    better = "higher" if question.higher_is_better else "lower"
    header = ["phase", "method", "blocks", f"{question.title} minus {against}'s", f"P(better than {against})"]
    legend = (
        f"Mean over blocks (dataset x backbone) of the difference, and the probability that a run of the method is "
        f"better ({better}) than a run of {against}; {level} intervals by a bootstrap of seeds within blocks, which "
        f"are too narrow with few seeds (docs/statistics.md)."
    )
    return [Told("Effect sizes and ranks", header, 2, rows, legend, list(_ranks(frame, question)))]


def _ranks(frame: pd.DataFrame, question: Question) -> Iterator[str]:
    """Friedman's test of each phase in words, or why there is none."""
    reasons: dict[str, list[str]] = {}
    for phase in frame["phase"].unique():
        methods, test = ranked(frame, str(phase), question)
        if test.p_value is None:
            reasons.setdefault(test.note, []).append(str(phase))
            continue
        order = np.argsort(test.mean_ranks, kind="stable")
        ranks = ", ".join(f"{methods[place]} {test.mean_ranks[place]:.2f}" for place in order)
        yield (
            f"{phase}, Friedman's test of equal ranks over {test.blocks} blocks: {probability(test.p_value)}; mean "
            f"ranks {ranks}; two that differ by more than {test.critical_difference:.2f} are told apart (Nemenyi, "
            f"{question.alpha:g})."
        )
    for note, phases in reasons.items():
        yield f"{', '.join(phases)}: {note}, so no p."


def probability(p: float) -> str:
    """``p = 0.0123``, or that it is smaller than four digits can say."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}"


def _interval(low: Any, high: Any, form: str) -> str:
    return "" if np.isnan(low) else f" [{low:{form}}, {high:{form}}]"
