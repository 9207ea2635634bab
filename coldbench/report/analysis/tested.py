"""Tables of a simulated online test: effects by design, their bias, the permanent arms' scale, the paper's numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from coldbench.online.measures import MEASURES
from coldbench.online.names import DESIGNS, GLOBAL
from coldbench.online.scorers import ORACLE, PERMANENT, RANDOM
from coldbench.report.analysis.table import Cell, Table, number
from coldbench.significance import mean_interval

PAPER = {  # AVAEW, section 3.2, in percent
    "exposure_rate": 1.6019,
    "views": 1.1396,
    "long_deep": 0.3352,
    "short_deep": 0.7268,
}
LEVEL = 0.05
_PERCENT = "+.2f"


def by_design(effects: pd.DataFrame, scenario: str) -> Table:
    """The effect of each arm in each design, in percent of the control: the mean over seeds with its interval."""
    part = effects[(effects["scenario"] == scenario) & (effects["control"] != 0)]
    designs = [design for design in DESIGNS if (part["design"] == design).any()]
    rows = []
    for arm, metric, own in _arms(part):
        cells = [_mean(own.loc[own["design"] == design, "percent"]) for design in designs]
        rows.append([Cell(arm), Cell(MEASURES[metric].title), *cells])
    legend = (
        "Percent of the control, mean over seeds and half of the 95 % t-interval over seeds. "
        "Design global is the true effect in this world: everyone on the arm against everyone on the control."
    )
    return Table(
        scenario, ["arm", "metric", *designs], 2, rows, legend, caption=f"Effects, {scenario}", label="effects"
    )


def bias(effects: pd.DataFrame, scenario: str) -> Table | None:
    """How far each design's effect is from the true one, how often the sign agrees, and how often the test finds it."""
    part = effects[effects["scenario"] == scenario]
    keys = ["arm", "metric", "seed"]
    truth = part[part["design"] == GLOBAL].set_index(keys)["percent"].rename("truth")
    reported = part[part["design"] != GLOBAL]
    if reported.empty:
        return None
    other = reported.join(truth, on=keys, how="inner")
    rows = []
    for arm, metric, own in _arms(other):
        for design, some in own.groupby("design", sort=False):
            off = (some["percent"] - some["truth"]).dropna()
            agree = int((np.sign(some["percent"]) == np.sign(some["truth"])).sum())
            tested = some["p"].notna()
            found = int((some["p"] < LEVEL).sum())
            ratio = f"{found} of {int(tested.sum())}" if tested.any() else "no test"
            cells = [_mean(some["truth"]), _mean(some["percent"]), _mean(off), Cell(f"{agree} of {len(some)}", agree)]
            rows.append([Cell(arm), Cell(MEASURES[metric].title), Cell(str(design)), *cells, Cell(ratio, found)])
    header = ["arm", "metric", "design", "true effect", "reported", "bias", "sign agrees", "found at .05"]
    legend = (
        "In percent and percentage points; bias is reported minus true, paired by seed, with half of its 95 % "
        "t-interval. Found: seeds in which the test of one world rejects no effect, whatever the sign."
    )
    return (
        Table(scenario, header, 3, rows, legend, caption=f"Bias of the designs, {scenario}", label="bias")
        if rows
        else None
    )


def scale(effects: pd.DataFrame, scenario: str) -> Table | None:
    """Every arm of design ``global`` between the random pre-ranker, 0, and the oracle, 1."""
    part = effects[(effects["scenario"] == scenario) & (effects["design"] == GLOBAL)]
    if not {RANDOM, ORACLE} <= set(part["arm"]):
        return None
    rows = []
    for metric in MEASURES:
        matrix = part[part["metric"] == metric].pivot_table("value", "seed", "arm", sort=False).dropna()
        if matrix.empty:
            continue
        span = matrix[ORACLE] - matrix[RANDOM]
        gain = span if MEASURES[metric].higher_is_better else -span
        sure = gain.min() > 0 and (len(gain) < 2 or gain.mean() > 2 * gain.std(ddof=1) / math.sqrt(len(gain)))
        for arm in matrix.columns:
            share = (matrix[arm] - matrix[RANDOM]) / span if sure else matrix[arm] * np.nan
            rows.append(
                [Cell(MEASURES[metric].title), Cell(str(arm)), number(matrix[arm].mean(), ",.4g"), _mean(share)]
            )
    legend = (
        "Mean over seeds. The scale is blank where the oracle is not clearly better than random, as on exposure of new "
        "items: a random pre-ranker treats new and old items alike. It is negative for an arm below random."
    )
    return Table(
        scenario, ["metric", "arm", "value", "random 0, oracle 1"], 2, rows, legend, caption=f"Scale, {scenario}"
    )


def orders(effects: pd.DataFrame, scenario: str) -> Table | None:
    """Whether the oracle beats the control and the control beats chance: in what is shown, and in what is viewed."""
    part = effects[(effects["scenario"] == scenario) & (effects["design"] == GLOBAL)]
    rows = []
    for metric in ("views", "new_fit", "new_suited", "new_views", "new_impressions", "exposure_rate"):
        for arm, sign in ((ORACLE, 1), (RANDOM, -1)):
            own = part[(part["metric"] == metric) & (part["arm"] == arm)]
            if len(own):
                agree = int((np.sign(own["percent"]) == sign).sum())
                worst = number(own["p"].max(), ".2g") if own["p"].notna().any() else Cell("no test")
                cells = [_mean(own["percent"]), Cell(f"{agree} of {len(own)}", agree), worst]
                rows.append([Cell(MEASURES[metric].title), Cell(f"{arm} {'>' if sign > 0 else '<'} control"), *cells])
    legend = (
        "Design global; p of the worst seed, paired by user. An item suits a user if it is in the tenth of all items "
        "that the user wants most, which only a simulator knows. The orders must hold on views; and the oracle shows "
        "the new items that suit. How many are shown has no such order: a control that overrates new items "
        "shows more of them than the oracle does, one that underrates them fewer than chance, and chance spreads its "
        "impressions over more different items than either."
    )
    header = ["metric", "expected order", "effect, %", "holds", "largest p"]
    return Table(scenario, header, 2, rows, legend, caption=f"Orders, {scenario}") if rows else None


def beside_the_paper(effects: pd.DataFrame, scenario: str) -> Table:
    """The paper's four numbers beside what its kind of test reports here, and beside the truth."""
    part = effects[(effects["scenario"] == scenario) & ~effects["arm"].isin(PERMANENT)]
    rows = []
    for arm, metric, own in _arms(part):
        if metric in PAPER:
            cells = [_mean(own.loc[own["design"] == design, "percent"]) for design in ("ab", GLOBAL)]
            rows.append([Cell(MEASURES[metric].title), Cell(arm), number(PAPER[metric], "+.4f"), *cells])
    rows.sort(key=lambda row: list(PAPER).index(_name(row[0].text)))
    legend = (
        "Percent of the control. The paper (AVAEW, section 3.2: 8 days, over 80,000 users per arm) gives no interval, "
        "its platform, users and baseline are not known, and the worlds here are not fitted to them. The numbers can "
        "be compared in sign and in how sure a test of that size can be of them; neither confirms or refutes the other."
    )
    header = ["metric", "arm", "paper", "here, design ab", "here, true effect"]
    return Table(
        scenario, header, 2, rows, legend, caption=f"Beside the paper's online test, {scenario}", label="paper"
    )


def _name(title: str) -> str:
    return next(name for name, measure in MEASURES.items() if measure.title == title)


def _arms(part: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Each arm and metric with its rows; the control's comparison with itself is left out."""
    controls = {str(arm) for arm, own in part.groupby("arm") if (own["percent"].fillna(0) == 0).all()}
    for (arm, metric), own in part.groupby(["arm", "metric"], sort=False):
        if str(arm) not in controls:
            yield str(arm), str(metric), own


def _mean(values: pd.Series) -> Cell:
    """The mean over seeds with half of its t-interval."""
    finite = values[np.isfinite(values.to_numpy(float))]
    if finite.empty:
        return Cell("")
    low, high = mean_interval(finite.to_numpy(float))
    half = f"± {(high - low) / 2:.2f}" if not math.isnan(low) else ""
    return number(float(finite.mean()), _PERCENT, half)
