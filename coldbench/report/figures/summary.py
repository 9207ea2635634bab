"""What figures draw of a tidy frame: means and intervals over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from coldbench.report.figures.style import Look
from coldbench.significance import mean_interval


@dataclass(frozen=True)
class Point:
    """A mean over seeds with its interval.

    Attributes:
        mean: Over the seeds.
        below: From the lower end of the interval to the mean; 0 with one seed.
        above: From the mean to the upper end.
    """

    mean: float
    below: float
    above: float


def point(values: pd.Series | np.ndarray, alpha: float) -> Point | None:
    """The mean of one value a seed with Student's interval of level 1 - alpha; None where there is no value."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return None
    mean = float(finite.mean())
    low, high = mean_interval(finite, alpha) if len(finite) > 1 else (mean, mean)
    return Point(mean, mean - low, high - mean)


def line(axes: Axes, there: Sequence[tuple[float, Point]], look: Look) -> None:
    """A method's points with their intervals, at places across, joined."""
    if there:
        axes.errorbar(
            [x for x, _ in there],
            [p.mean for _, p in there],
            [[p.below for _, p in there], [p.above for _, p in there]],
            elinewidth=0.9,
            capsize=1.6,
            **look.line(),
        )


def over(frame: pd.DataFrame, alpha: float) -> str:
    """What stands behind a frame's points, in words for a caption."""
    counts = frame.groupby(["backbone", "method"])["seed"].nunique()
    low, high = int(counts.min()), int(counts.max())
    if high == 1:
        return "one seed, so no intervals"
    count = str(low) if low == high else f"{low} to {high}"
    return f"mean over {count} seeds and its {100 * (1 - alpha):g} % interval (Student's t)"
