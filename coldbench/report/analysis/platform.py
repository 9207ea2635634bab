"""Tables on how far a simulated test can be trusted: false positives, power, the funnel, calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from coldbench.online.folder import Simulation
from coldbench.online.funnel import STAGES
from coldbench.online.measures import MEASURES, by_user, covariate_of, exposures, of_set
from coldbench.online.names import GLOBAL
from coldbench.online.splits import SPLITS, false_positives, set_differences
from coldbench.online.tally import COUNTS
from coldbench.report.analysis.table import Cell, Table, number
from coldbench.report.analysis.tested import PAPER
from coldbench.significance.users import cuped, power

USERS = 80_000  # per arm, of the paper's test
_PERMUTATIONS = 500


def plain_run(runs: Sequence[Simulation], scenario: str) -> Simulation | None:
    """The first run of a scenario in which everyone has the control; None if there is none."""
    fits = (run for run in runs if run.scenario == scenario and run.about["design"] == GLOBAL)
    return next((run for run in fits if run.about["arm"] == run.about["control"]), None)


def a_a(run: Simulation, splits: int = SPLITS) -> Table:
    """The false-positive rate of each test, from random splits of one run without a difference."""
    found = false_positives(run, splits=splits)
    rows = [
        [Cell(MEASURES[name].title), Cell(test), number(rate, ".4f")]
        for name in MEASURES
        for test, rate in found.get(name, {}).items()
    ]
    missing = [MEASURES[name].title for name in MEASURES if name not in found]
    lines = [f"no test, as every split gives the same value: {', '.join(missing)}"] if missing else []
    legend = f"Share of {splits:,} random splits of the control's users in which a test at .05 finds a difference."
    return Table(run.scenario, ["metric", "test", "false positives"], 2, rows, legend, lines, caption="A/A")


def powers(run: Simulation, asked: Sequence[float]) -> Table:
    """How often a test of the run's size, and one of the paper's, finds an effect."""
    half, arrays = len(run.arrays["member"]) // 2, run.arrays
    spread = set_differences(run, _PERMUTATIONS, run.about["key"], "power")
    rows = []
    for name, measure in MEASURES.items():
        effects = asked or ([PAPER[name]] if name in PAPER else [])
        for effect in effects:
            errors, value = {}, 0.0
            if measure.by_user:
                values = by_user(arrays["test"], name)
                covariate = by_user(arrays["before"], covariate_of(name))
                value = float(values.mean())
                errors = {"t": values.std() * math.sqrt(2 / half)}
                errors["cuped"] = cuped(values, covariate).std() * math.sqrt(2 / half)
            else:
                value, errors = _level(run, name), {"permutation": float(spread[name].std())}
            for test, error in errors.items() if value else ():
                relative = 100 * error / abs(value)
                there = relative * math.sqrt(half / USERS)
                scaled = number(power(effect, there), ".2f") if measure.by_user else Cell("")
                cells = [number(effect, ".4g"), number(relative, ".3f"), number(power(effect, relative), ".2f"), scaled]
                rows.append([Cell(measure.title), Cell(test), *cells])
    header = [
        "metric",
        "test",
        "effect, %",
        "standard error, %",
        f"power, {half:,} per arm",
        f"power, {USERS:,} per arm",
    ]
    legend = (
        "From the control's users in design global, halves against each other at .05, two-sided. A metric of the set "
        "of new items does not shrink with the number of users in a known way, so it has no power at another size."
    )
    return Table(run.scenario, header, 2, rows, legend, caption="Power")


def _level(run: Simulation, name: str) -> float:
    """The value of a set's metric for half of the users, about: each item has half of its exposures."""
    return float(of_set(run.arrays, np.asarray(exposures(run.arrays).sum(0)).T / 2)[name][0])


def funnel(runs: Sequence[Simulation], scenario: str) -> Table:
    """Cold recall of matching, and the share of new items after each stage, by arm in design ``global``."""
    rows = []
    for arm, arrays in _by_arm(runs, scenario).items():
        recall = sum(each["recall"].sum(0) for each in arrays)
        stages = sum(each["stages"].sum((0, 1)) for each in arrays)
        shares = [number(100 * new / every if every else math.nan, ".2f") for new, every in stages]
        predicted, viewed, shown = sum(each["calibration"].sum(0) for each in arrays)
        cells = [number(100 * recall[0] / recall[1] if recall[1] else math.nan, ".1f"), *shares]
        rows.append(
            [Cell(arm), *cells, number(predicted / viewed if viewed else math.nan, ".2f"), number(shown, ",.0f")]
        )
    header = [
        "arm",
        "cold recall, %",
        *(f"new after {stage}, %" for stage in STAGES),
        "predicted / viewed",
        "new shown",
    ]
    legend = (
        "Cold recall: of the new items among the 50 that a user wants most of what there is, the share that matching "
        "lets through; without it pre-ranking cannot matter. Predicted / viewed: pre-ranking scores of new items that "
        "were shown, read as log-odds, over their views; above 1 they are overrated, which raises exposure. All seeds."
    )
    return Table(scenario, header, 1, rows, legend, caption=f"The funnel, {scenario}", label="funnel")


def daily(runs: Sequence[Simulation], scenario: str) -> pd.DataFrame:
    """Rows (arm, day, share): the share of new items in all impressions by day of the test, in design ``global``."""
    rows = []
    for arm, arrays in _by_arm(runs, scenario).items():
        counts = sum(each["daily"].sum(0) for each in arrays)
        counts = counts[-int(arrays[0]["days"]) :]
        shares = (
            100 * counts[:, COUNTS.index("new_impressions")] / np.maximum(counts[:, COUNTS.index("impressions")], 1)
        )
        rows += [{"arm": arm, "day": day, "share": share} for day, share in enumerate(shares, 1)]
    return pd.DataFrame(rows, columns=["arm", "day", "share"])


def card(runs: Sequence[Simulation], scenario: str) -> dict[str, str]:
    """What is known of the scenario's truth, by name."""
    run = next(run for run in runs if run.scenario == scenario)
    return {str(name): str(value) for name, value in run.about["card"]}


def _by_arm(runs: Sequence[Simulation], scenario: str) -> dict[str, list[dict[str, np.ndarray]]]:
    found: dict[str, list[dict[str, np.ndarray]]] = {}
    for run in runs:
        if run.scenario == scenario and run.about["design"] == GLOBAL:
            found.setdefault(run.about["arm"], []).append(run.arrays)
    return found
