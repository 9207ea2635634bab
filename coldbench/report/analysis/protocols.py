"""Comparison of protocols: what the leak of ``paper`` is worth, and which method is better at equal steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from coldbench.protocol.shots import COLD
from coldbench.report.analysis.frame import phases
from coldbench.report.analysis.legends import equality
from coldbench.report.analysis.names import BASELINE, baseline, span
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.table import MARKS, Table, text_row
from coldbench.report.analysis.titles import UNTITLED, Titles, title_of
from coldbench.significance import BETTER, EQUAL, WORSE, Paired, holm, paired_t, verdict

_LEAKING, _HONEST = "paper", "strict"


@dataclass(frozen=True)
class Compared:
    """A method's mean over the warm-up phases under a protocol, compared with another mean over the same seeds.

    Attributes:
        backbone: The backbone.
        method: The method.
        protocol: The protocol's label.
        mean: Over seeds, each the mean over the warm-up phases.
        test: The test of the difference; None for the baseline itself.
        values: Both methods' values by seed, the own one first; None for the baseline itself.
        p_holm: Corrected over the backbone's comparisons; NaN where there is no test.
        verdict: What the comparison comes to (``significance.verdict``); empty where there is no test.
    """

    backbone: str
    method: str
    protocol: str
    mean: float
    test: Paired | None
    values: tuple[np.ndarray, np.ndarray] | None = None
    p_holm: float = float("nan")
    verdict: str = ""


def budgets(frame: pd.DataFrame) -> dict[str, int]:
    """The budget of each protocol that has one, by label, in epochs of the plain baseline."""
    known = frame[["protocol", "budget"]].dropna().drop_duplicates()
    return {str(label): int(budget) for label, budget in known.itertuples(index=False)}


def against_base(frame: pd.DataFrame, options: ReportOptions) -> list[Compared]:
    """Every method against the baseline under each protocol; Holm over a backbone's methods and protocols.

    Args:
        frame: Of one dataset.
        options: The metric and the level.
    """
    found = []
    against = baseline(frame["method"])
    for backbone, values in _means(frame, options):
        part = []
        for protocol, method in values:
            own, base = values[protocol, method], values.get((protocol, against))
            part.append(_compared(backbone, method, protocol, own, None if method == against else base, options))
        found += _corrected(part, options)
    return found


def leak(frame: pd.DataFrame, options: ReportOptions) -> list[Compared]:
    """Every method under ``paper`` against itself under ``strict``; Holm over a backbone's methods."""
    found = []
    for backbone, values in _means(frame, options):
        part = []
        for protocol, method in values:
            if protocol == _LEAKING and (_HONEST, method) in values:
                own, other = values[_LEAKING, method], values[_HONEST, method]
                part.append(_compared(backbone, method, _LEAKING, own, other, options))
        found += _corrected(part, options)
    return found


def tables(frame: pd.DataFrame, options: ReportOptions, titles: Titles = UNTITLED) -> list[Table]:
    """The tables that compare one dataset's protocols; none where there is only one protocol, or no baseline.

    Args:
        frame: Of one dataset.
        options: The metric and the level.
        titles: Titles of methods and backbones, for sentences.
    """
    leaks = [each for each in leak(frame, options) if not np.isnan(each.mean)]
    compared, at = against_base(frame, options), budgets(frame)
    warm = span(phases(frame))
    built = [_leak_table(leaks, warm, options)] if leaks else []
    if at and any(each.test for each in compared):
        built.append(_budget_table(compared, at, warm, options, titles))
    return built


def _leak_table(leaks: list[Compared], warm: str, options: ReportOptions) -> Table:
    rows = [text_row([e.backbone, e.method, f"{e.mean:.4f}", _difference(e), e.verdict or "-"], 2) for e in leaks]
    header = ["backbone", "method", _LEAKING, f"minus {_HONEST}", "verdict"]
    legend = f"{options.title}, mean of {warm}; {_legend(options)}"
    return Table("What the leak is worth", header, 2, rows, legend)


def _budget_table(
    compared: list[Compared], at: dict[str, int], warm: str, options: ReportOptions, titles: Titles
) -> Table:
    base = baseline(each.method for each in compared)
    name = title_of(titles, "method", base)
    legend = (
        f"{options.title}, mean of {warm}, and the difference to {name} at the same budget; "
        f"{_legend(options)} {'; '.join(f'{MARKS[each]}: {each}' for each in _SHOWN)}. A budget is in epochs of the "
        f"plain baseline per phase; under paper and strict each method takes the steps that it is configured to take."
    )
    header, rows = _by_budget(compared, at, options)
    lines = list(_sentences(compared, at, options, titles))
    return Table("At equal optimiser steps", header, 2, [text_row(row, 2) for row in rows], legend, lines)


_SHOWN = (BETTER, WORSE, EQUAL)


def _legend(options: ReportOptions) -> str:
    """What the interval and the verdicts are; either comparison is with what was named beforehand."""
    return (
        f"± half the interval of the difference (Student's t over seeds); verdicts by the paired t-test over seeds, "
        f"Holm over a backbone's comparisons, level {options.alpha:g}, but {EQUAL} where the "
        f"{equality(replace(options, reference=BASELINE))}."
    )


def _by_budget(
    compared: list[Compared], budgets: dict[str, int], options: ReportOptions
) -> tuple[list[str], list[list[str]]]:
    """Header and rows: backbones x methods, one column per protocol."""
    protocols = list(dict.fromkeys(each.protocol for each in compared))
    names = [f"budget {budgets[label]}" if label in budgets else label for label in protocols]
    cells = {(each.backbone, each.method, each.protocol): each for each in compared}
    rows = [
        [backbone, method, *(_shown(cells.get((backbone, method, label)), options) for label in protocols)]
        for backbone, method in dict.fromkeys((each.backbone, each.method) for each in compared)
    ]
    return ["backbone", "method", *names], rows


def _shown(each: Compared | None, options: ReportOptions) -> str:
    """0.7123 (+0.0100 ± 0.0021) +: the mean, the difference to the baseline, a sign where one was shown."""
    if each is None or np.isnan(each.mean):
        return ""
    change = "" if each.test is None else f" ({_difference(each)})"
    return f"{each.mean:.4f}{change}{f' {MARKS[each.verdict]}' if each.verdict in _SHOWN else ''}"


def _sentences(
    compared: list[Compared], budgets: dict[str, int], options: ReportOptions, titles: Titles
) -> Iterator[str]:
    """A sentence per backbone and method on the budgets at which it is better or worse than the baseline."""
    against = baseline(each.method for each in compared)
    for backbone in dict.fromkeys(each.backbone for each in compared):
        for method in dict.fromkeys(each.method for each in compared if each.test is not None):
            verdicts: dict[str, list[int]] = {}
            for each in compared:
                at = budgets.get(each.protocol)
                if each.backbone == backbone and each.method == method and at is not None:
                    verdicts.setdefault(each.verdict or "not tested", []).append(at)
            if verdicts:
                shown = "; ".join(f"{name} at {', '.join(map(str, sorted(at)))}" for name, at in verdicts.items())
                names = [title_of(titles, "method", label) for label in (method, against)]
                where = title_of(titles, "backbone", backbone)
                yield f"{where}, {names[0]} against {names[1]}: {shown}."


def _difference(each: Compared) -> str:
    if each.test is None:
        return ""
    low, high = each.test.interval
    half = f" ± {(high - low) / 2:.4f}" if np.isfinite(high - low) else ""
    return f"{each.test.difference:+.4f}{half}"


def _means(frame: pd.DataFrame, options: ReportOptions) -> Iterator[tuple[str, dict[tuple[str, str], np.ndarray]]]:
    """Per backbone, the mean over warm-up phases by (protocol, method): (seeds,), NaN for a missing seed."""
    warm = frame[frame["phase"] != COLD]
    for backbone, part in warm.groupby("backbone", sort=False):
        seeds = sorted(part["seed"].unique())
        values = {
            (str(protocol), str(method)): own.groupby("seed")[options.metric].mean().reindex(seeds).to_numpy(float)
            for (protocol, method), own in part.groupby(["protocol", "method"], sort=False)
        }
        yield str(backbone), values


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def _compared(
    backbone: str, method: str, protocol: str, own: np.ndarray, other: np.ndarray | None, options: ReportOptions
) -> Compared:
    if other is None:
        return Compared(backbone, method, protocol, _mean(own), None)
    return Compared(backbone, method, protocol, _mean(own), paired_t(own, other, options.alpha), (own, other))


def _corrected(part: list[Compared], options: ReportOptions) -> list[Compared]:
    """Adds p-values after Holm's correction, and the verdicts that follow from them."""
    p_values = [each.test.p_value if each.test and each.test.p_value is not None else np.nan for each in part]
    if not part:
        return []
    return [
        replace(each, p_holm=float(p), verdict=_verdict(each, float(p), options))
        for each, p in zip(part, holm(np.array(p_values, float)), strict=True)
    ]


def _verdict(each: Compared, p_holm: float, options: ReportOptions) -> str:
    if each.values is None:
        return ""
    own, other = each.values
    return verdict(own, other, p_holm, options.margin, options.higher_is_better, options.alpha)
