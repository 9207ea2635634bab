"""Across datasets and backbones: effect sizes; Friedman's test with Nemenyi's critical difference over datasets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from coldbench.report.analysis.names import baseline
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.table import Table, text_row
from coldbench.report.analysis.titles import UNTITLED, Titles, title_of
from coldbench.significance import FEWEST_METHODS, Friedman, effect, friedman, friedman_needs

BLOCK = ["dataset", "backbone"]


def blocks(frame: pd.DataFrame, phase: str, options: ReportOptions) -> pd.DataFrame:
    """Means over seeds, a row per dataset and backbone, a column per method; methods that a block lacks are left out.

    Args:
        frame: Of one protocol and division.
        phase: One phase.
        options: The metric.
    """
    part = frame[frame["phase"] == phase]
    return part.pivot_table(index=BLOCK, columns="method", values=options.metric, sort=False).dropna(axis="columns")


def ranked(frame: pd.DataFrame, phase: str, options: ReportOptions) -> tuple[list[str], Friedman]:
    """Friedman's test over datasets, each dataset's values being means over its backbones.

    Backbones are no replications of each other where they are tested on the same rows, so each dataset is one block.

    Args:
        frame: Of one protocol and division.
        phase: One phase.
        options: The metric and the level.

    Returns:
        The methods, in the order of the mean ranks, and the test, whose note says why there is none.
    """
    matrix = blocks(frame, phase, options).groupby("dataset", sort=False).mean()
    test = friedman(matrix.to_numpy(float), options.higher_is_better, options.alpha)
    needed = friedman_needs(len(matrix.columns), options.alpha)
    if len(matrix.columns) >= FEWEST_METHODS and test.blocks < needed:
        count = f"{test.blocks} dataset{'s' * (test.blocks != 1)}"
        note = f"{count}; Friedman's test needs {needed}, since backbones on the same test rows are no replications"
        test = replace(test, note=note)
    return list(matrix.columns), test


def effects(frame: pd.DataFrame, options: ReportOptions) -> pd.DataFrame:
    """Effect sizes of each method against the reference, or else the baseline, per phase.

    Args:
        frame: Of one protocol and division.
        options: The metric, the reference and the level.

    Returns:
        Columns phase, method, against, blocks, seeds, difference, low, high and improvement; empty where the run lacks
        the method to compare with.
    """
    against = options.reference or baseline(frame["method"])
    rows = []
    for phase, part in frame.groupby("phase", sort=False):
        matrices = {
            str(method): own.pivot(index=BLOCK, columns="seed", values=options.metric)
            for method, own in part.groupby("method", sort=False)
        }
        for method, own in matrices.items():
            if against not in matrices or method == against:
                continue
            ours, theirs = own.align(matrices[against])
            found = effect(ours.to_numpy(float), theirs.to_numpy(float), options.higher_is_better, options.alpha)
            if found.blocks:
                low, high = found.interval
                rows.append(
                    {"phase": phase, "method": method, "against": against, "blocks": found.blocks}
                    | {"seeds": found.seeds, "difference": found.difference, "low": low, "high": high}
                    | {"improvement": found.improvement}
                )
    return pd.DataFrame(rows)


def told(frame: pd.DataFrame, options: ReportOptions, titles: Titles = UNTITLED) -> list[Table]:
    """Effect sizes and ranks of one protocol; nothing where there is nothing to compare."""
    sizes = effects(frame, options)
    if sizes.empty:
        return []
    rows = [
        [
            str(row.phase),
            str(row.method),
            str(row.blocks),
            str(row.seeds),
            f"{row.difference:+.4f}" + _interval(row.low, row.high),
            f"{row.improvement:.2f}",
        ]
        for row in sizes.itertuples()
    ]
    against, level = title_of(titles, "method", sizes["against"].iloc[0]), f"{100 * (1 - options.alpha):g} %"
    better = "higher" if options.higher_is_better else "lower"
    header = ["phase", "method", "blocks", "seeds", f"{options.title} minus {against}'s", f"P(better than {against})"]
    legend = (
        f"Mean over blocks (dataset x backbone) of the difference to {against}, with the {level} interval (Student's "
        f"t) of the seeds' means over blocks, which says what other seeds would change, not other data; and the "
        f"probability that a run of the method is better ({better}) than a run of {against}."
    )
    body = [text_row(row, 2) for row in rows]
    return [Table("Effect sizes and ranks", header, 2, body, legend, list(_ranks(frame, options, titles)))]


def _ranks(frame: pd.DataFrame, options: ReportOptions, titles: Titles) -> Iterator[str]:
    """Mean ranks of each phase in words, with Friedman's test or the reason why there is none."""
    for phase in frame["phase"].unique():
        methods, test = ranked(frame, str(phase), options)
        order = np.argsort(test.mean_ranks, kind="stable")
        names = [title_of(titles, "method", method) for method in methods]
        ranks = ", ".join(f"{names[place]} {test.mean_ranks[place]:.2f}" for place in order)
        if test.p_value is None:
            yield f"{phase}, mean ranks over datasets: {ranks}; no p and no critical difference: {test.note}."
            continue
        yield (
            f"{phase}, Friedman's test of equal ranks over {test.blocks} datasets: {probability(test.p_value)}; mean "
            f"ranks {ranks}; two that differ by more than {test.critical_difference:.2f} are told apart (Nemenyi, "
            f"{options.alpha:g})."
        )


def probability(p: float) -> str:
    """``p = 0.0123``, or that it is smaller than four digits can say."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.4f}"


def _interval(low: Any, high: Any) -> str:
    return "" if np.isnan(low) else f" [{low:+.4f}, {high:+.4f}]"
