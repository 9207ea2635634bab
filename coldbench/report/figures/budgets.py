"""A metric against the budget of optimiser steps, every method with the same number of them."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from coldbench.protocol.shots import COLD
from coldbench.report.analysis.frame import phases
from coldbench.report.analysis.names import span
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.style import Look, legend, panels, short
from coldbench.report.figures.summary import line, point


def against_budget(frame: pd.DataFrame, looks: dict[str, Look], options: ReportOptions) -> Figure | None:
    """One panel per backbone: the mean of the warm-up phases against the budget (logarithmic), one line per method.

    Args:
        frame: The rows of one dataset under all its protocols.
        looks: The looks of its methods.
        options: The metric and the level of the intervals.

    Returns:
        None where fewer than two budgets were run.
    """
    part = frame[frame["budget"].notna() & (frame["phase"] != COLD)]
    at = sorted(part["budget"].unique())
    if len(at) < 2:
        return None
    backbones = list(part["backbone"].unique())
    title = f"{options.title}, mean of {span(phases(part))}"
    figure, grid = panels([short(b) for b in backbones], 3, 2.7, "budget: epochs of the baseline per phase", title)
    shown = {method: looks[method] for method in looks if method in set(part["method"])}
    for axes, backbone in zip(grid, backbones, strict=True):
        for method, look in shown.items():
            own = part[(part["backbone"] == backbone) & (part["method"] == method)]
            means = own.groupby(["budget", "seed"])[options.metric].mean()
            there = [(b, p) for b, values in means.groupby("budget") if (p := point(values, options.alpha))]
            line(axes, there, look)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(at))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda b, _: f"{b:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    legend(figure, shown)
    return figure
