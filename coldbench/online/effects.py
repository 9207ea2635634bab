"""The effects that each run of a simulation reports, as one frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from coldbench.core.counter import uniform
from coldbench.online.folder import Simulation
from coldbench.online.measures import BY_USER, OF_SET, by_user, covariate_of, exposures, of_set
from coldbench.online.names import CODIVERTED, GLOBAL
from coldbench.online.splits import set_differences
from coldbench.significance.users import Relative, cuped, difference_of_means, difference_of_pairs, permutation_p

PERMUTATIONS = 500
RUN = ["scenario", "seed", "design", "arm"]


def effects(runs: Sequence[Simulation]) -> pd.DataFrame:
    """One row per run and metric: the effect of the arm against the control, in percent of the control.

    Columns: those of ``RUN``, metric, control and value (means per user, or values of the set), percent, low, high, p,
    and ``adjusted``, ``adjusted_low``, ``adjusted_high`` after CUPED. In design ``global`` a run is compared with the
    control's run of the same scenario and seed; both have the same users, so that the intervals are those of pairs.
    """
    controls = {
        (run.scenario, run.about["seed"]): run
        for run in runs
        if run.about["design"] == GLOBAL and run.about["arm"] == run.about["control"]
    }
    rows: list[dict[str, Any]] = []
    for run in runs:
        about = {"scenario": run.scenario} | {name: run.about[name] for name in RUN[1:]}
        if run.about["design"] != GLOBAL:
            rows += [about | row for row in _of_split(run)]
        elif (run.scenario, run.about["seed"]) in controls:
            rows += [about | row for row in _of_two(controls[run.scenario, run.about["seed"]], run)]
    return pd.DataFrame(rows)


def _of_two(control: Simulation, run: Simulation) -> list[dict[str, Any]]:
    """The true effect: everyone on the arm against everyone on the control."""
    rows = []
    for name in BY_USER:
        values = [by_user(each.arrays["test"], name) for each in (control, run)]
        rows.append(_row(name, values[0].mean(), values[1].mean(), difference_of_pairs(*values)))
    first, second = (of_set(each.arrays, np.asarray(exposures(each.arrays).sum(0)).T) for each in (control, run))
    for name in OF_SET:
        before, after = float(first[name][0]), float(second[name][0])
        rows.append(_row(name, before, after, Relative(_percent(before, after), math.nan, None)))
    return rows


def _of_split(run: Simulation) -> list[dict[str, Any]]:
    """What a test with split users reports."""
    member, rows = run.arrays["member"], []
    for name in BY_USER:
        values = by_user(run.arrays["test"], name)
        adjusted = cuped(values, by_user(run.arrays["before"], covariate_of(name)))
        plain, less = (difference_of_means(part[member == 0], part[member == 1]) for part in (values, adjusted))
        row = _row(name, values[member == 0].mean(), values[member == 1].mean(), plain)
        low, high = less.interval()
        rows.append(row | {"adjusted": less.percent, "adjusted_low": low, "adjusted_high": high})
    whole = exposures(run.arrays)
    sides = np.stack([member == 0, member == 1], 1).astype(np.float32)
    counts = np.asarray(whole.T @ sides)
    first, second = (of_set(run.arrays, counts[:, [number]], number) for number in (0, 1))
    diverted = run.about["design"] == CODIVERTED  # then the arms' new items differ, and users cannot be exchanged
    reference = {} if diverted else set_differences(run, PERMUTATIONS, run.about["key"], "permutations")
    for name in OF_SET:
        before, after = float(first[name][0]), float(second[name][0])
        error = 100 * float(reference[name].std()) / abs(before) if before and reference else math.nan
        p = permutation_p(after - before, reference[name], _tie(run, name)) if error > 0 else None
        rows.append(_row(name, before, after, Relative(_percent(before, after), error, p)))
    return rows


def _tie(run: Simulation, name: str) -> float:
    """The share that ties count with in the test of a metric, drawn from the run's key."""
    return float(uniform(run.about["key"], "tie", OF_SET.index(name)))


def _row(name: str, control: float, value: float, found: Relative) -> dict[str, Any]:
    low, high = found.interval()
    p = math.nan if found.p_value is None else found.p_value
    return {
        "metric": name,
        "control": float(control),
        "value": float(value),
        "percent": found.percent,
        "low": low,
        "high": high,
        "p": p,
    }


def _percent(before: float, after: float) -> float:
    return 100 * (after / before - 1) if before else math.nan
