"""A metric against what was spent on warm-up data: optimiser steps, or processor seconds."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from coldbench.protocol.shots import COLD
from coldbench.report.analysis.frame import phases
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.style import Look, legend, panels, short
from coldbench.report.figures.summary import line, point


@dataclass(frozen=True)
class Cost:
    """What a method spends in a warm-up phase.

    Attributes:
        column: The column of the frame.
        title: Its name with its unit, for an axis.
    """

    column: str
    title: str


STEPS = Cost("steps", "optimiser steps on warm-up data")
SECONDS = Cost("cpu_seconds", "processor seconds on warm-up data")


def against_cost(frame: pd.DataFrame, looks: dict[str, Look], options: ReportOptions, cost: Cost) -> Figure | None:
    """One panel per backbone: the metric against what was spent so far (logarithmic), one line per method.

    Args:
        frame: The rows of one dataset under one protocol.
        looks: The looks of its methods.
        options: The metric and the level of the intervals.
        cost: What is on the horizontal axis.

    Returns:
        None where no record says what was spent.
    """
    warm = spent(frame, cost)
    if not warm["spent"].gt(0).any():
        return None
    backbones = list(warm["backbone"].unique())
    figure, grid = panels([short(b) for b in backbones], 3, 2.7, cost.title, options.title)
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
        logarithmic(axes)
    legend(figure, shown)
    return figure


def spent(frame: pd.DataFrame, cost: Cost) -> pd.DataFrame:
    """The warm-up phases' rows with ``spent``: what this and the earlier warm-up phases cost."""
    warm = frame[frame["phase"] != COLD]
    if cost.column not in warm:
        return warm.assign(spent=float("nan"))
    warm = warm.assign(spent=pd.to_numeric(warm[cost.column]))
    return warm.assign(spent=warm.groupby(["backbone", "protocol", "method", "seed"])["spent"].cumsum())


def logarithmic(axes: Axes) -> None:
    """A logarithmic horizontal axis with plain numbers at 1, 3, 10, 30 and so on."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
