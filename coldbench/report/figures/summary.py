"""Means and intervals over seeds, as figures draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from coldbench.report.figures.style import Look
from coldbench.significance import mean_interval

FEW = 10  # seeds that are drawn one by one: a mean and its interval hide a seed that went astray
SEED: dict[str, Any] = {"linestyle": "none", "marker": ".", "markersize": 5.0, "alpha": 0.75, "zorder": 2.5}


@dataclass(frozen=True)
class Point:
    """A mean over seeds with its interval.

    Attributes:
        mean: The mean over seeds.
        below: The distance from the lower end of the interval to the mean; 0 with one seed.
        above: The distance from the mean to the upper end.
        seeds: The value of each seed, where they are few enough to be drawn; empty with one seed.
    """

    mean: float
    below: float
    above: float
    seeds: tuple[float, ...] = ()


def point(values: pd.Series | np.ndarray, alpha: float) -> Point | None:
    """The mean of one value per seed with Student's interval of level 1 - alpha.

    Args:
        values: (seeds,) values; those that are not finite are left out.
        alpha: 1 - alpha is the level of the interval.

    Returns:
        None where there is no finite value.
    """
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return None
    mean = float(finite.mean())
    low, high = mean_interval(finite, alpha) if len(finite) > 1 else (mean, mean)
    seeds = tuple(finite.tolist()) if 1 < len(finite) <= FEW else ()
    return Point(mean, mean - low, high - mean, seeds)


def line(axes: Axes, there: Sequence[tuple[float, Point]], look: Look) -> None:
    """Draws a method's points, joined, with their intervals and with single seeds where they are few.

    Args:
        axes: Where to draw.
        there: Places on the horizontal axis and the points there.
        look: The method's look.
    """
    if there:
        seeds = [(x, value) for x, p in there for value in p.seeds]
        if seeds:
            look.mark(*axes.plot(*zip(*seeds, strict=True), **look.line(**SEED)))
        drawn = axes.errorbar(
            [x for x, _ in there],
            [p.mean for _, p in there],
            [[p.below for _, p in there], [p.above for _, p in there]],
            elinewidth=0.9,
            capsize=1.6,
            **look.line(),
        )
        look.mark(*drawn.get_children())


def over(frame: pd.DataFrame, alpha: float) -> str:
    """The number of seeds behind a frame's points and what is drawn of them, in words for a caption."""
    counts = frame.groupby(["backbone", "method"])["seed"].nunique()
    low, high = int(counts.min()), int(counts.max())
    if high == 1:
        return "one seed, so no intervals"
    count = str(low) if low == high else f"{low} to {high}"
    dots = "; dots: single seeds" if high <= FEW else ""
    return f"mean over {count} seeds and its {100 * (1 - alpha):g} % interval (Student's t){dots}"
