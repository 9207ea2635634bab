"""AUC by phase."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from coldbench.report.analysis.frame import phases
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.style import Look, legend, panels, short
from coldbench.report.figures.summary import line, point


def by_phase(frame: pd.DataFrame, looks: dict[str, Look], options: ReportOptions) -> Figure:
    """One panel per backbone: the metric by phase, one line per method, with intervals over seeds.

    Args:
        frame: The rows of one dataset under one protocol.
        looks: The looks of its methods.
        options: The metric and the level of the intervals.
    """
    backbones = list(frame["backbone"].unique())
    figure, grid = panels([short(b) for b in backbones], 3, 2.7, "", options.title)
    points = phases(frame)
    shown = {method: looks[method] for method in looks if method in set(frame["method"])}
    for axes, backbone in zip(grid, backbones, strict=True):
        part = frame[frame["backbone"] == backbone]
        for number, (method, look) in enumerate(shown.items()):
            shift = 0.3 * (number / max(len(shown) - 1, 1) - 0.5)
            own = part[part["method"] == method]
            means = [point(own.loc[own["phase"] == phase, options.metric], options.alpha) for phase in points]
            there = [(n + shift, p) for n, p in enumerate(means) if p is not None]
            line(axes, there, look)
        axes.set_xticks(range(len(points)), points)
        axes.set_xlim(-0.35, len(points) - 0.65)
        axes.grid(axis="x", visible=False)
    legend(figure, shown)
    return figure
