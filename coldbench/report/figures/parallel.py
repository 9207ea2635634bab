"""Parallel coordinates: each trial of a search as a line through its hyper-parameters to its score."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.stats import rankdata

from coldbench.report.analysis.studies import Searched
from coldbench.report.figures.fields import BEST, LOOKS
from coldbench.report.figures.style import INK, MUTED, PAPER, WIDTH, short

# from the worst to the best: as light throughout as both a white and a dark page need
_RAMP = LinearSegmentedColormap.from_list("scores", ["#4477cc", "#b05599", "#e69f00"])


def parallel(study: Searched) -> Figure | None:
    """One axis per field, one for the early score where trials were stopped, and one for the final score.

    Returns:
        The figure, or None where no trial has a score.
    """
    kinds = [("early", study.early_metric)] if study.stopped else []
    kinds += [("score", study.metric)]
    ends = {kind: reach for kind, _ in kinds if (reach := study.reach(kind)) is not None}
    kinds = [(kind, title) for kind, title in kinds if kind in ends]
    if not kinds or not study.scales:
        return None
    count = len(study.scales) + len(kinds)
    figure = Figure(figsize=(max(0.5 * WIDTH, min(WIDTH, 1.6 * count)), 3.1), layout="constrained")
    axes = figure.subplots()
    axes.axis("off")
    axes.set_xlim(-0.25, count - 0.85)
    axes.set_ylim(-0.1, 1.12)
    for place, (field, scale) in enumerate(study.scales.items()):
        _axis(axes, place, study.label(field), scale.ticks())
    for place, (kind, title) in enumerate(kinds, len(study.scales)):
        _axis(axes, place, title, [(_height(m, ends[kind], study), label) for m, label in _marks(*ends[kind])])
    for attempt, rank in zip(study.attempts, _ranks(study), strict=True):
        heights = [scale.spread(attempt.values[field], attempt.number) for field, scale in study.scales.items()]
        for kind, _ in kinds:
            score = getattr(attempt, kind)
            if score is not None:
                heights.append(_height(score, ends[kind], study))
        look: dict[str, Any]
        if rank is None:
            look = {"color": MUTED, "linewidth": 0.7, "alpha": 0.45, "zorder": 1.0}
        else:
            look = {"color": to_hex(_RAMP(rank)), "linewidth": 0.9 + rank, "alpha": 0.9, "zorder": 1.5 + rank}
        axes.plot(range(len(heights)), heights, solid_joinstyle="round", **look)
        if attempt == study.defaults:
            axes.plot(range(len(heights)), heights, color=INK, linewidth=1.1, linestyle=(0, (3, 2)), zorder=2.6)
        if attempt == study.best:
            star = LOOKS[BEST].line(linestyle="none", markersize=9, zorder=4)
            axes.plot([len(heights) - 1], heights[-1:], **star, clip_on=False)
    return figure


def _axis(axes: Axes, place: int, title: str, ticks: list[tuple[float, str]]) -> None:
    axes.plot([place, place], [0, 1], color=INK, linewidth=0.9, zorder=3)
    axes.text(place, 1.05, short(title, 18), ha="center", va="bottom", fontsize=8.5)
    ground = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
    for height, label in ticks:
        axes.plot([place - 0.02, place], [height, height], color=INK, linewidth=0.8, zorder=3)
        text = short(label, 10)
        axes.text(place - 0.04, height, text, ha="right", va="center", fontsize=7.5, bbox=ground, zorder=3.5)


def _marks(low: float, high: float) -> list[tuple[float, str]]:
    """Scores that an axis names, all with as many decimals."""
    marks = [float(m) for m in MaxNLocator(4).tick_values(low, high) if low <= m <= high] if high > low else [low]
    decimals = max(len(f"{mark:.6g}".partition(".")[2]) for mark in marks)
    return [(mark, f"{mark:.{decimals}f}") for mark in marks]


def _height(score: float, reach: tuple[float, float], study: Searched) -> float:
    """On an axis whose better end is up."""
    low, high = reach
    share = (score - low) / (high - low) if high > low else 0.5
    return share if study.higher_is_better else 1 - share


def _ranks(study: Searched) -> list[float | None]:
    """The rank of each trial: 0 for the worst finished one, 1 for the best, None where it did not finish."""
    sign = 1 if study.higher_is_better else -1
    scores = np.array([np.nan if each.score is None else sign * each.score for each in study.attempts])
    ranks = rankdata(scores, nan_policy="omit") - 1
    most = max(int(np.isfinite(scores).sum()) - 1, 1)
    return [None if np.isnan(rank) else float(rank) / most for rank in ranks]
