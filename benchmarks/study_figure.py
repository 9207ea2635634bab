"""The study's figure: what each tuned method adds to the tuned base, on every log and backbone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from coldbench.plugins.kinds import METHODS
from coldbench.plugins.registry import Registry
from coldbench.report.figures.picture import Picture, draw
from coldbench.report.figures.style import COLOURS, INK, MUTED, RC, WIDTH
from coldbench.significance import MARGIN

LINEAR = 0.01  # differences beyond it are drawn on a logarithmic axis
TICKS = (-0.1, -0.03, -0.01, 0, 0.01, 0.03)
MARKERS = "osD^v"


def forest(windows: Mapping[str, pd.DataFrame]) -> Picture:
    """A panel per window of interactions, a row per method, a mark with its 95 % interval per log and backbone.

    Args:
        windows: By title; columns log, backbone, method, difference, half (``study_tables.differences``).
    """
    everything = pd.concat(windows.values())
    methods = list(dict.fromkeys(everything["method"]))
    pairs = list(dict.fromkeys(zip(everything["log"], everything["backbone"], strict=True)))
    logs, backbones = (list(dict.fromkeys(each)) for each in zip(*pairs, strict=True))
    titles = Registry().titles(METHODS)
    with rc_context(RC):
        figure = Figure(figsize=(WIDTH, 1.7 + 0.05 * len(methods) * (len(pairs) + 1)), layout="constrained")
        shown = figure.subplots(1, len(windows), sharey=True)
        for axes, (title, tests) in zip(shown, windows.items(), strict=True):
            axes.axvspan(-MARGIN, MARGIN, color=MUTED, alpha=0.3, linewidth=0)
            axes.axvline(0, color=INK, linewidth=0.8)
            for place, (log, backbone) in enumerate(pairs):
                own = tests[(tests["log"] == log) & (tests["backbone"] == backbone)]
                offset = 0.8 * ((place + 0.5) / len(pairs) - 0.5)
                axes.errorbar(
                    own["difference"],
                    [methods.index(method) + offset for method in own["method"]],
                    xerr=own["half"],
                    linestyle="none",
                    marker=MARKERS[backbones.index(backbone) % len(MARKERS)],
                    color=COLOURS[(logs.index(log) if len(logs) > 1 else place) % len(COLOURS)],
                    markersize=2.8,
                    elinewidth=0.8,
                    label=f"{log}, {backbone}",
                )
            for between in np.arange(len(methods) - 1) + 0.5:
                axes.axhline(between, color=MUTED, linewidth=0.4)
            axes.set_title(title)
            axes.set_xscale("symlog", linthresh=LINEAR, linscale=1.5)
            axes.xaxis.set_major_locator(FixedLocator(TICKS))
            axes.xaxis.set_minor_locator(FixedLocator([-LINEAR / 2, LINEAR / 2]))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
            axes.tick_params(axis="x", labelrotation=60)
            axes.grid(False, axis="y")
        names = [method.partition("[")[0] for method in methods]
        axes.set_yticks(range(len(methods)), [titles.get(name, name) for name in names])
        axes.set_ylim(len(methods) - 0.5, -0.5)
        shown[len(shown) // 2].set_xlabel("AUC minus that of base[tuned]")
        marks, labels = axes.get_legend_handles_labels()
        figure.legend(marks, labels, loc="outside lower center", ncols=2)
        return draw("study", "gains", "What each tuned method adds", "", figure)
