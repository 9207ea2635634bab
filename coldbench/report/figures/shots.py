"""Learning curves: a metric against the number of interactions per new item."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.figure import Figure

from coldbench.report.analysis.names import baseline
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.difference import differences
from coldbench.report.figures.style import INK, Look, legend, panels, short
from coldbench.report.figures.summary import Point, line, point

_ACROSS = "interactions per new item\n(square-root axis)"  # in two lines, since three panels share the width
_Points = dict[tuple[str, str, str], Point]  # by (backbone, method, phase)


def learning_curves(frame: pd.DataFrame, looks: dict[str, Look], options: ReportOptions) -> Figure:
    """One panel per backbone: the metric against the shots, one line per method, with intervals over seeds.

    Args:
        frame: The rows of one dataset under one protocol, evaluated by shots.
        looks: The looks of its methods.
        options: The metric and the level of the intervals.
    """
    values: _Points = {}
    for (backbone, method, phase), own in frame.groupby(["backbone", "method", "phase"], sort=False):
        found = point(own[options.metric], options.alpha)
        if found is not None:
            values[str(backbone), str(method), str(phase)] = found
    return _curves(frame, values, looks, options.title)


def learning_differences(frame: pd.DataFrame, looks: dict[str, Look], options: ReportOptions) -> Figure | None:
    """The difference to the baseline, paired by seed, in place of the metric; None without a baseline to compare with.

    Args:
        frame: The rows of one dataset under one protocol, evaluated by shots.
        looks: The looks of its methods.
        options: The metric and the level of the intervals.
    """
    found = differences(frame, options)
    if not found:
        return None
    base = looks[baseline(frame["method"])].title
    figure = _curves(frame, found, looks, f"{options.title} minus that of {base}")
    for axes in figure.axes:
        axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    return figure


def _curves(frame: pd.DataFrame, values: _Points, looks: dict[str, Look], ylabel: str) -> Figure:
    """Panels with a square-root axis, which shows 0 and keeps small numbers of shots apart."""
    at = frame.drop_duplicates("phase").set_index("phase")["shots"].to_dict()
    backbones = [backbone for backbone in frame["backbone"].unique() if any(key[0] == backbone for key in values)]
    figure, grid = panels([short(b) for b in backbones], 3, 3.1, _ACROSS, ylabel)
    shown = {method: look for method, look in looks.items() if any(key[1] == method for key in values)}
    for axes, backbone in zip(grid, backbones, strict=True):
        for number, (method, look) in enumerate(shown.items()):
            shift = 0.16 * (number / max(len(shown) - 1, 1) - 0.5)  # so that intervals do not hide each other
            keys = [(math.sqrt(shots) + shift, (backbone, method, phase)) for phase, shots in at.items()]
            line(axes, [(place, values[key]) for place, key in keys if key in values], look)
        axes.set_xticks([math.sqrt(shots) for shots in at.values()], [f"{shots:.0f}" for shots in at.values()])
    legend(figure, shown)
    return figure
