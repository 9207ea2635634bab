"""A tidy frame -> tests over seeds: in every column of a table, each method against the reference."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd

from coldbench.report.analysis.frame import Question, values
from coldbench.significance import FEWEST, Paired, benjamini_hochberg, holm, paired_t, wilcoxon

MARKING = "paired t"  # the test that decides the marks: results/calibration
TESTS: dict[str, Callable[[np.ndarray, np.ndarray, float], Paired]] = {MARKING: paired_t, "Wilcoxon": wilcoxon}
COLUMN = ["dataset", "protocol", "backbone", "phase"]


def over_seeds(frame: pd.DataFrame, question: Question) -> pd.DataFrame:
    """Tests each method of each column against the column's reference.

    Without a given reference that is the best method, which is picked by looking at the results; so all pairs of
    methods make up the family that Holm's correction is over. With a given one the family is what is tested.

    Returns:
        A row per column of a table, test and method: the reference, the pairs of seeds, the mean difference (method
        minus reference) with its interval, p, p after Holm within the column, p after Benjamini and Hochberg over
        all columns of a dataset under a protocol, and a note where there is no p.
    """
    rows = [
        dict(zip(COLUMN, column, strict=True)) | {"metric": question.metric, "test": test, "unit": "seed"} | found
        for column, part in frame.groupby(COLUMN, sort=False)
        for test in TESTS
        for found in _column(values(part, question.metric).dropna(axis="columns", how="all"), test, question)
    ]
    numbers = ["difference", "low", "high", "p", "p_holm"]
    found = pd.DataFrame(
        rows, columns=[*COLUMN, "metric", "test", "unit", "reference", "method", "seeds", *numbers, "note"]
    )
    found[numbers] = found[numbers].astype(float)
    families = found.groupby(["dataset", "protocol", "test"])["p"]
    found.insert(len(found.columns) - 1, "p_bh", families.transform(lambda p: benjamini_hochberg(p.to_numpy())))
    return found


def reference_of(matrix: pd.DataFrame, question: Question) -> str | None:
    """The method that a column's others are compared with.

    Args:
        matrix: Seeds as rows, methods as columns.
        question: May name one.

    Returns:
        The given one where the column has it; else the best of those with enough seeds for a test, or of all where
        there are not two such.
    """
    if question.reference is not None:
        return question.reference if question.reference in matrix else None
    means = matrix.mean() if question.higher_is_better else -matrix.mean()
    enough = means[matrix.notna().sum() >= FEWEST]
    means = (enough if len(enough) > 1 else means).dropna()
    return str(means.idxmax()) if len(means) else None


def _column(matrix: pd.DataFrame, test: str, question: Question) -> list[dict[str, object]]:
    reference = reference_of(matrix, question)
    if reference is None:
        return []
    others = [method for method in matrix.columns if method != reference]
    pairs = [(method, reference) for method in others]
    if question.reference is None:
        pairs += itertools.combinations(others, 2)
    data = {method: matrix[method].to_numpy(float) for method in matrix.columns}
    found = [TESTS[test](data[one], data[other], question.alpha) for one, other in pairs]
    p_values = np.array([np.nan if each.p_value is None else each.p_value for each in found])
    adjusted = holm(p_values)
    return [
        {
            "reference": reference,
            "method": method,
            "seeds": each.pairs,
            "difference": each.difference,
            "low": each.interval[0],
            "high": each.interval[1],
            "p": p_value,
            "p_holm": corrected,
            "note": each.note,
        }
        for method, each, p_value, corrected in zip(others, found, p_values, adjusted, strict=False)
    ]
