"""Critical differences: mean ranks of the methods over datasets."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coldbench.report.analysis.across import probability, ranked
from coldbench.report.analysis.frame import phases
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.style import INK, WIDTH, Look, short
from coldbench.significance import Friedman

_ROW, _BAR = 0.17, 0.1  # height of a method and of a bar, in inches


Ranking = tuple[list[str], Friedman]  # methods, and the test with their mean ranks in that order


def rankings(frame: pd.DataFrame, options: ReportOptions) -> dict[str, Ranking]:
    """By phase: the methods ranked in every dataset.

    Args:
        frame: The rows of one protocol and division, with all their datasets and backbones.
        options: The metric and the level.
    """
    return {phase: ranked(frame, phase, options) for phase in phases(frame)}


def critical_differences(found: dict[str, Ranking], looks: dict[str, Look]) -> Figure | None:
    """A diagram per phase (Demsar 2006): methods on an axis of mean ranks, bars over those that no test tells apart.

    Returns:
        The figure, or None where no phase has enough blocks for the test; ``Friedman.note`` says why.
    """
    found = {
        phase: (methods, test) for phase, (methods, test) in found.items() if math.isfinite(test.critical_difference)
    }
    if not found:
        return None
    heights = [
        0.62 + _BAR * len(_cliques(test)) + _ROW * math.ceil(len(methods) / 2) for methods, test in found.values()
    ]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.3 * len(heights)), layout="constrained")
    grid = figure.subplots(len(found), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, height, (phase, (methods, test)) in zip(grid.flat, heights, found.items(), strict=True):
        _diagram(axes, height, methods, test, looks)
        p_value = "" if test.p_value is None else f", Friedman {probability(test.p_value)}"
        axes.set_title(f"{phase}: {test.blocks} datasets{p_value}", loc="left")
    return figure


def _diagram(axes: Axes, height: float, methods: list[str], test: Friedman, looks: dict[str, Look]) -> None:
    """Draws in units of ranks across and inches downwards."""
    count = len(methods)
    axes.set_xlim(1 - 0.45 * count, 1.45 * count)
    axes.set_ylim(height - 0.35, -0.35)
    axes.axis("off")
    axes.plot([1, count], [0, 0], color=INK, linewidth=0.9)
    for tick in range(1, count + 1):
        axes.plot([tick, tick], [0, -0.05], color=INK, linewidth=0.9)
        axes.text(tick, -0.07, str(tick), ha="center", va="bottom", fontsize=8)
    order = sorted(range(count), key=lambda place: test.mean_ranks[place])
    groups = _cliques(test)
    for depth, (low, high) in enumerate(groups):
        level = 0.09 + _BAR * depth
        axes.plot([low - 0.04, high + 0.04], [level, level], color=INK, linewidth=3, solid_capstyle="round")
    top = 0.17 + _BAR * len(groups)
    half = math.ceil(count / 2)
    for number, index in enumerate(order):
        left = number < half
        y = top + _ROW * (number if left else count - 1 - number)
        rank, look = float(test.mean_ranks[index]), looks[methods[index]]
        end = 1 - 0.12 * count if left else 1.12 * count
        branch = axes.plot([rank, rank, end], [0, y, y], color=look.colour, linewidth=0.9)
        dot = axes.plot([rank], [0], **look.line(linestyle="none"), clip_on=False)
        name = f"{short(look.title or methods[index], 20)}  {rank:.2f}"
        text = axes.text(end, y, f"{name} " if left else f" {name}", va="center", fontsize=8)
        text.set_horizontalalignment("right" if left else "left")
        look.mark(*branch, *dot, text)
    width = test.critical_difference
    axes.plot([1, 1 + width], [-0.28, -0.28], color=INK, linewidth=0.9, marker="|", clip_on=False)
    axes.text(1 + width, -0.28, f"  CD {width:.2f}", va="center", fontsize=8)


def _cliques(test: Friedman) -> list[tuple[float, float]]:
    """The widest groups of mean ranks that lie within the critical difference, from first rank to last."""
    ranks = sorted(float(rank) for rank in test.mean_ranks)
    found: list[tuple[float, float]] = []
    for low in ranks:
        high = max(rank for rank in ranks if rank - low <= test.critical_difference)
        if high > low and (not found or high > found[-1][1]):
            found.append((low, high))
    return found
