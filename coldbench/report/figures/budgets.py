"""A metric over the budgets of optimiser steps, against the budget or against the processor seconds that it took."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from coldbench.protocol.shots import COLD
from coldbench.report.analysis.frame import phases
from coldbench.report.analysis.names import span
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.steps import SECONDS, logarithmic, spent
from coldbench.report.figures.style import Look, legend, panels, short
from coldbench.report.figures.summary import line, point


def against_budget(
    frame: pd.DataFrame, looks: dict[str, Look], options: ReportOptions, seconds: bool = False
) -> Figure | None:
    """One panel per backbone: the mean of the warm-up phases by budget, one line per method; the axis is logarithmic.

    Args:
        frame: The rows of one dataset under all its protocols.
        looks: The looks of its methods.
        options: The metric and the level of the intervals.
        seconds: Whether the horizontal axis is the processor time of the warm-up phases, and not the budget.

    Returns:
        None where fewer than two budgets were run, or no record says how long they took.
    """
    part = frame[frame["budget"].notna() & (frame["phase"] != COLD)]
    at = sorted(part["budget"].unique())
    part = spent(part, SECONDS)
    if len(at) < 2 or (seconds and not part["spent"].gt(0).any()):
        return None
    backbones = list(part["backbone"].unique())
    title = f"{options.title}, mean of {span(phases(part))}"
    across = SECONDS.title if seconds else "budget: epochs of the baseline per phase"
    figure, grid = panels([short(b) for b in backbones], 3, 2.7, across, title)
    shown = {method: looks[method] for method in looks if method in set(part["method"])}
    for axes, backbone in zip(grid, backbones, strict=True):
        for method, look in shown.items():
            own = part[(part["backbone"] == backbone) & (part["method"] == method)]
            by_budget = own.groupby(["budget", "seed"])
            means, times = by_budget[options.metric].mean(), by_budget["spent"].max().groupby("budget").mean()
            there = [
                (times[budget] if seconds else budget, p)
                for budget, values in means.groupby("budget")
                if (p := point(values, options.alpha))
            ]
            line(axes, there, look)
        if seconds:
            logarithmic(axes)
        else:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(FixedLocator(at))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda b, _: f"{b:g}"))
            axes.xaxis.set_minor_locator(NullLocator())
    legend(figure, shown)
    return figure
