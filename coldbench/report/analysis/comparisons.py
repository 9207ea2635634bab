"""A tidy frame -> tests over seeds: in every column of a table, each method against the reference."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from coldbench.report.analysis.frame import values
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.titles import UNTITLED, Titles, title_of
from coldbench.significance import (
    COLLAPSED,
    FEWEST,
    Paired,
    benjamini_hochberg,
    collapse,
    holm,
    paired_t,
    verdict,
    wilcoxon,
)

MARKING = "paired t"  # the test that decides marks and verdicts: results/calibration
TESTS: dict[str, Callable[[np.ndarray, np.ndarray, float], Paired]] = {MARKING: paired_t, "Wilcoxon": wilcoxon}
COLUMN = ["dataset", "protocol", "backbone", "phase"]


def over_seeds(frame: pd.DataFrame, options: ReportOptions) -> pd.DataFrame:
    """Tests each method of each column against the column's reference.

    Without a given reference that is the best method, which is picked by looking at the results. So all pairs of
    methods make up the families that Holm's correction and Benjamini and Hochberg's are over. With a given reference
    they are the comparisons with it.

    Returns:
        A row per column of a table, test and method: the reference, the number of pairs of seeds, the mean difference
        (method minus reference) with its interval, p, p after Holm within the column, p after Benjamini and Hochberg
        over all columns of a dataset under a protocol, the verdict of the paired t-test (``significance.verdict``),
        and a note where there is no p.
    """
    rows = [
        dict(zip(COLUMN, column, strict=True)) | {"metric": options.metric, "test": test, "unit": "seed"} | found
        for column, part in frame.groupby(COLUMN, sort=False)
        for test in TESTS
        for found in _column(values(part, options.metric).dropna(axis="columns", how="all"), test, options)
    ]
    numbers = ["difference", "low", "high", "p", "p_holm"]
    texts = ["verdict", "note", "shown"]
    found = pd.DataFrame(
        rows, columns=[*COLUMN, "metric", "test", "unit", "reference", "method", "seeds", *numbers, *texts]
    )
    found[numbers] = found[numbers].astype(float)
    families = found.groupby(["dataset", "protocol", "test"])["p"]
    corrected = families.transform(lambda p: benjamini_hochberg(p.to_numpy()))
    found.insert(list(found.columns).index("verdict"), "p_bh", corrected)
    return found[found["shown"].astype(bool)].drop(columns="shown").reset_index(drop=True)


def reference_of(matrix: pd.DataFrame, options: ReportOptions) -> str | None:
    """The method that a column's others are compared with.

    Args:
        matrix: Seeds as rows, methods as columns.
        options: May name one.

    Returns:
        The given one where the column has it; else the best of those with enough seeds for a test, or of all where
        there are not two such.
    """
    if options.reference is not None:
        return options.reference if options.reference in matrix else None
    means = matrix.mean() if options.higher_is_better else -matrix.mean()
    enough = means[matrix.notna().sum() >= FEWEST]
    means = (enough if len(enough) > 1 else means).dropna()
    return str(means.idxmax()) if len(means) else None


def collapsed(frame: pd.DataFrame, options: ReportOptions, titles: Titles = UNTITLED) -> list[str]:
    """A line for each cell whose result lies far below the other seeds' of its method, the phases named together."""
    found: dict[tuple[object, ...], list[str]] = {}
    for (dataset, protocol, backbone, phase), part in frame.groupby(COLUMN, sort=False):
        matrix = values(part, options.metric)
        array = matrix.to_numpy(float)
        distance = collapse(array, options.higher_is_better)
        for seed, method in np.argwhere(distance > COLLAPSED):
            cell = dataset, protocol, backbone, matrix.columns[method], matrix.index[seed]
            median = float(np.nanmedian(array[:, method]))
            found.setdefault(cell, []).append(f"{phase} {array[seed, method]:.4f}, the seeds' median {median:.4f}")
    return [
        f"{title_of(titles, 'method', str(method))} with {title_of(titles, 'backbone', str(backbone))} on {dataset}, "
        f"protocol {protocol}: seed {seed} collapsed ({options.title}: "
        f"{'; '.join(phases)}). It is more than {COLLAPSED:g} median absolute deviations away; its method's means, "
        f"intervals and tests include it."
        for (dataset, protocol, backbone, method, seed), phases in found.items()
    ]


def _column(matrix: pd.DataFrame, test: str, options: ReportOptions) -> Iterator[dict[str, object]]:
    """Every comparison of the column's family; only those with the reference are to be shown."""
    reference = reference_of(matrix, options)
    if reference is None:
        return
    others = [method for method in matrix.columns if method != reference]
    pairs = [(method, reference) for method in others]
    if options.reference is None:
        pairs += itertools.combinations(others, 2)
    data = {method: matrix[method].to_numpy(float) for method in matrix.columns}
    found = [TESTS[test](data[one], data[other], options.alpha) for one, other in pairs]
    p_values = np.array([np.nan if each.p_value is None else each.p_value for each in found])
    candidates = 1 if options.reference else max(len(others), 1)
    rules = options.margin, options.higher_is_better, options.alpha, candidates
    for (one, other), each, p_value, corrected in zip(pairs, found, p_values, holm(p_values), strict=True):
        shown = other == reference
        judged = shown and test == MARKING  # most pairs of a large table are there for their p-values alone
        yield {
            "reference": other,
            "method": one,
            "seeds": each.pairs,
            "difference": each.difference,
            "low": each.interval[0],
            "high": each.interval[1],
            "p": p_value,
            "p_holm": corrected,
            "verdict": verdict(data[one], data[other], corrected, *rules) if judged else "",
            "note": each.note,
            "shown": shown,
        }
