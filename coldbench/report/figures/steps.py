"""AUC against the optimiser steps that were spent on warm-up data."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from coldbench.protocol.shots import COLD
from coldbench.report.analysis.frame import phases
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.style import Look, legend, panels, short
from coldbench.report.figures.summary import line, point


def against_steps(frame: pd.DataFrame, looks: dict[str, Look], options: ReportOptions) -> Figure:
    """One panel per backbone: the metric against the steps on warm-up data so far (logarithmic), one line per method.

    Args:
        frame: The rows of one dataset under one protocol.
        looks: The looks of its methods.
        options: The metric and the level of the intervals.
    """
    warm = spent(frame)
    backbones = list(warm["backbone"].unique())
    figure, grid = panels([short(b) for b in backbones], 3, 2.7, "optimiser steps on warm-up data", options.title)
    shown = {method: looks[method] for method in looks if method in set(warm["method"])}
    for axes, backbone in zip(grid, backbones, strict=True):
        part = warm[warm["backbone"] == backbone]
        for method, look in shown.items():
            own = part[part["method"] == method]
            groups = [own[own["phase"] == phase] for phase in phases(warm)]
            there = [
                (g["spent"].mean(), p) for g in groups if (p := point(g[options.metric], options.alpha)) is not None
            ]
            line(axes, there, look)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda steps, _: f"{steps:,.0f}"))
        axes.xaxis.set_minor_locator(NullLocator())
    legend(figure, shown)
    return figure


def spent(frame: pd.DataFrame) -> pd.DataFrame:
    """The warm-up phases' rows with ``spent``: the steps on this and the earlier warm-up phases."""
    warm = frame[frame["phase"] != COLD]
    return warm.assign(spent=warm.groupby(["backbone", "method", "seed"])["steps"].cumsum())
