"""How many seeds a comparison needs, before it is run or from a run that had a few."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coldbench.core.errors import InputError, unknown
from coldbench.protocol.metrics import METRICS
from coldbench.report.analysis.chosen import short_names
from coldbench.report.analysis.comparisons import COLUMN
from coldbench.report.analysis.frame import tidy, values
from coldbench.run.folder import Folder
from coldbench.significance import FEWEST, seeds_to_detect, seeds_to_equate
from coldbench.significance.planning import MOST


@dataclass(frozen=True)
class Aim:
    """What a comparison is to show.

    Attributes:
        effect: The difference between two methods that is to be found; also the margin of *practically equal*.
        power: The probability of finding it.
        alpha: The level of the tests.
        metric: The metric that a run's deviations are of.
        methods: Number of methods in a table; None for those of the run, or seven.
    """

    effect: float
    power: float = 0.8
    alpha: float = 0.05
    metric: str = "auc"
    methods: int | None = None

    def check(self) -> None:
        """Checks the numbers.

        Raises:
            InputError: One is out of range, or the metric is unknown.
        """
        if not 0 < self.effect < math.inf:
            raise InputError(f"--effect {self.effect:g} should be a positive number, such as 0.002")
        for name, value in (("alpha", self.alpha), ("power", self.power)):
            if not 0 < value < 1:
                raise InputError(f"--{name} {value:g} should be between 0 and 1")
        if self.power <= self.alpha:
            raise InputError(f"--power {self.power:g} should be above --alpha {self.alpha:g}")
        if self.metric not in METRICS:
            raise unknown("metric", self.metric, METRICS)


def plan(aim: Aim, deviation: float | None, folder: Path | None) -> str:
    """Says how many seeds show an effect, and how many make *practically equal* likely where there is none.

    Args:
        aim: What is to be shown.
        deviation: Standard deviation over seeds of the paired difference; None to take it from a run.
        folder: A run's folder; None where the deviation is given.

    Raises:
        InputError: Anything that the user can put right.
    """
    aim.check()
    if (deviation is None) == (folder is None):
        raise InputError("give either --seeds-sd or a run's folder: the scatter over seeds decides how many are needed")
    if folder is not None:
        found, methods = deviations(folder, aim.metric)
        lines = [_described(found, aim.metric)]
        deviation = math.sqrt(np.mean(np.square(list(found.values()))))
    else:
        assert deviation is not None
        if not 0 < deviation < math.inf:
            raise InputError(f"--seeds-sd {deviation:g} should be a positive number, such as 0.001")
        methods = 7
        lines = [f"SD over seeds of the paired difference: {deviation:g}, as given."]
    return "\n".join([*lines, *_answers(aim, deviation, aim.methods or methods)])


def deviations(folder: Path, metric: str) -> tuple[dict[tuple[str, ...], float], int]:
    """Standard deviations over seeds of all paired differences in a run.

    Args:
        folder: The run's.
        metric: The metric.

    Returns:
        By dataset, protocol, backbone, phase and both methods; and the largest number of methods in a column.

    Raises:
        InputError: The folder holds no run, no result of the metric, or no two methods with three seeds in common.
    """
    records, _ = Folder(folder).finished()
    frame, _ = tidy(short_names(records))
    if metric not in frame:
        raise InputError(f"no record of this run holds {metric}")
    found, methods = {}, 0
    for column, part in frame.groupby(COLUMN, sort=False):
        matrix = values(part, metric)
        methods = max(methods, matrix.shape[1])
        for one, other in itertools.combinations(matrix, 2):
            differences = (matrix[one] - matrix[other]).dropna()
            if len(differences) >= FEWEST and differences.std() > 0:
                found[(*map(str, column), str(one), str(other))] = float(differences.std())
    if not found:
        raise InputError(f"{folder} has no two methods with {FEWEST} seeds in common that differ; give --seeds-sd")
    return found, methods


def _described(found: dict[tuple[str, ...], float], metric: str) -> str:
    widest = max(found, key=lambda key: found[key])
    *column, one, other = widest
    return (
        f"SD over seeds of the paired difference in {METRICS[metric].title}: "
        f"{math.sqrt(np.mean(np.square(list(found.values())))):.4g}, root mean square of {len(found)} comparisons; the "
        f"largest is {found[widest]:.4g} ({one} and {other}: {', '.join(column)})."
    )


def _answers(aim: Aim, deviation: float, methods: int) -> list[str]:
    """A line per question."""
    families = {"one comparison": 1}
    if methods > 2:
        families[f"{methods} methods, the reference named beforehand"] = methods - 1
        families[f"{methods} methods, the best picked by looking"] = methods * (methods - 1) // 2
    level, chance = f"{aim.alpha:g}", f"{aim.power:g}"
    lines = [
        f"Seeds that show a difference of {aim.effect:g} with probability {chance} (paired t-test, level {level}):"
    ]
    for name, comparisons in families.items():
        holm = f", Holm over {comparisons}" if comparisons > 1 else ""
        lines.append(
            f"  {name}{holm}: {_count(seeds_to_detect(aim.effect, deviation, comparisons, aim.alpha, aim.power))}"
        )
    lines.append(
        f"Seeds that show two equal methods to be practically equal within {aim.effect:g}, with probability {chance} "
        f"(two one-sided t-tests, level {level}):"
    )
    for name, candidates in zip(families, (1, 1, methods - 1), strict=False):
        seeds = seeds_to_equate(aim.effect, deviation, aim.alpha / candidates, aim.power)
        lines.append(f"  {name}: {_count(seeds)}")
    return lines


def _count(seeds: int | None) -> str:
    return f"more than {MOST:,}" if seeds is None else f"{seeds:,}"
