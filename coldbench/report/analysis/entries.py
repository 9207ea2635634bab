"""A tidy frame and its tests -> the entries of Tables 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from coldbench.report.analysis import paper
from coldbench.report.analysis.comparisons import MARKING
from coldbench.report.analysis.frame import values
from coldbench.report.analysis.names import WITHIN, counted, method_order
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.titles import UNTITLED, Titles, title_of
from coldbench.significance import IDENTICAL, mean_interval


@dataclass(frozen=True)
class Entry:
    """The result of one method on one backbone after one phase.

    Attributes:
        mean: The mean over seeds.
        deviation: Sample standard deviation over seeds; NaN with one seed.
        half: Half the width of the mean's t-interval; NaN with one seed.
        seeds: The number of seeds.
        best: Whether it is the best mean of a column that could be tested.
        reference: Whether the others of its column were tested against it.
        verdict: What the comparison with the reference comes to (``significance.verdict``); empty for the reference
            and where there is no test.
        p: The p-value of the paired t-test after Holm's correction; NaN without a test.
        published: The paper's number, or None.
    """

    mean: float
    deviation: float
    half: float
    seeds: int
    best: bool
    reference: bool
    verdict: str
    p: float
    published: float | None


Block = dict[tuple[str, str, str], Entry]  # (backbone, method, phase) -> entry


def entries(frame: pd.DataFrame, tests: pd.DataFrame, table: int, options: ReportOptions) -> Block:
    """All entries of one dataset under one protocol.

    Args:
        frame: Of that dataset and protocol.
        tests: What ``comparisons.over_seeds`` gave; of any datasets.
        table: The paper's Table 1 or 2, whose numbers stand beside ours.
        options: The metric, its direction and the level.
    """
    dataset, protocol = frame["dataset"].iloc[0], frame["protocol"].iloc[0]
    mine = tests[(tests["dataset"] == dataset) & (tests["protocol"] == protocol) & (tests["test"] == MARKING)]
    tested = mine.set_index(["backbone", "phase", "method"])
    found: Block = {}
    for (backbone, phase), part in frame.groupby(["backbone", "phase"], sort=False):
        matrix = values(part, options.metric)
        column = mine[(mine["backbone"] == backbone) & (mine["phase"] == phase)]
        means = matrix.mean() if options.higher_is_better else -matrix.mean()
        tellable = column[column["p"].notna() | (column["note"] == IDENTICAL)]
        judged = {*tellable["method"], *tellable["reference"]}
        best = means[means.index.isin(judged)].max()
        for method in matrix.columns:
            own = matrix[method].dropna()
            if own.empty:
                continue
            test = tested.loc[(backbone, phase, method)] if (backbone, phase, method) in tested.index else None
            low, high = mean_interval(own.to_numpy(float), options.alpha)
            published = paper.auc(
                table, str(protocol), frame["dataset_name"].iloc[0], str(backbone), method, str(phase)
            )
            found[str(backbone), method, str(phase)] = Entry(
                mean=float(own.mean()),
                deviation=float(own.std()),
                half=(high - low) / 2,
                seeds=len(own),
                best=method in judged and means[method] == best,
                reference=method in set(column["reference"]) and method in judged,
                verdict="" if test is None else str(test["verdict"]),
                p=float("nan") if test is None else float(test["p_holm"]),
                published=published if options.metric == "auc" else None,
            )
    return found


def axes(block: Block) -> tuple[list[str], list[str], list[str]]:
    """Backbones, methods and phases of a block, in the order of the tables."""
    backbones, methods, phases = (list(dict.fromkeys(key[place] for key in block)) for place in range(3))
    return backbones, sorted(methods, key=method_order), phases


def spread(block: Block, options: ReportOptions, **constant: str) -> pd.DataFrame:
    """One row per entry, for spreadsheets and scripts."""
    return pd.DataFrame(
        {
            **constant,
            "backbone": backbone,
            "method": method,
            "phase": phase,
            "metric": options.metric,
            "seeds": entry.seeds,
            "mean": entry.mean,
            "standard_deviation": entry.deviation,
            "low": entry.mean - entry.half,
            "high": entry.mean + entry.half,
            "best": entry.best,
            "reference": entry.reference,
            "verdict": entry.verdict,
            "p_holm": entry.p,
            "paper": entry.published,
            "difference": None if entry.published is None else entry.mean - entry.published,
        }
        for (backbone, method, phase), entry in block.items()
    )


def place_of(key: tuple[str, str, str], titles: Titles) -> str:
    """Backbone, method and phase of an entry in words: ``IPNN / Meta-E / warm-a``."""
    backbone, method, phase = key
    return f"{title_of(titles, 'backbone', backbone)} / {title_of(titles, 'method', method)} / {phase}"


def closeness(block: Block, titles: Titles = UNTITLED, within: float = WITHIN) -> str:
    """How many means lie within a distance of the paper's, how far all are in the mean, and which lie farther."""
    gaps = {key: entry.mean - entry.published for key, entry in block.items() if entry.published is not None}
    if not gaps:
        return "The paper has none of these cells."
    far = [place_of(key, titles) for key, gap in gaps.items() if abs(gap) > within]
    rest = f"; not: {', '.join(far)}" if far else ""
    mean = float(np.mean([abs(gap) for gap in gaps.values()]))
    counts = f"{len(gaps) - len(far)} of {counted(len(gaps), 'cell')}"
    return f"Mean absolute gap to the paper {mean:.4f}; {counts} within {within}{rest}."
