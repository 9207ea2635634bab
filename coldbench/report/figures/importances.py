"""Bars for the importance of hyper-parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping

from matplotlib.figure import Figure

from coldbench.report.analysis.importance import Share
from coldbench.report.figures.style import COLOURS, INK, WIDTH, short


def by_importance(found: Mapping[str, Share], metric: str) -> Figure:
    """One bar per field, the largest first, solid where it exceeds chance, with a line at the level of chance.

    Args:
        found: The share of each field, by its label.
        metric: The name of the score.
    """
    figure = Figure(figsize=(0.64 * WIDTH, 0.32 * len(found) + 0.75), layout="constrained")
    axes = figure.subplots()
    order = sorted(found, key=lambda field: -found[field].explained)
    for place, field in enumerate(order):
        own = found[field]
        face = COLOURS[4] if own.shown else "none"
        axes.barh([place], [own.explained], 0.55, facecolor=face, edgecolor=COLOURS[4], linewidth=0.9)
        if math.isfinite(own.chance):
            axes.plot([own.chance] * 2, [place - 0.4, place + 0.4], color=INK, linewidth=1.4)
    axes.set_yticks(range(len(order)), [short(field) for field in order])
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"share of the variance of the trials' ranks in {metric}")
    return figure
