"""What each method adds to the plain baseline."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from coldbench.report.analysis.frame import values
from coldbench.report.analysis.names import baseline
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.style import INK, WIDTH, Look, short
from coldbench.report.figures.summary import SEED, Point, point


def to_base(frame: pd.DataFrame, looks: dict[str, Look], options: ReportOptions) -> Figure | None:
    """Rows of backbones, columns of phases: each method's difference to ``base``, paired by seed, with its interval.

    Args:
        frame: The rows of one dataset under one protocol.
        looks: The looks of its methods.
        options: The metric and the level of the intervals.

    Returns:
        The figure, or None where no backbone has the baseline and another method.
    """
    found = differences(frame, options)
    if not found:
        return None
    backbones = list(dict.fromkeys(backbone for backbone, _, _ in found))
    phases = list(dict.fromkeys(phase for _, _, phase in found))
    rows = {b: [m for m in looks if any(key[:2] == (b, m) for key in found)] for b in backbones}
    height = sum(0.19 * len(methods) + 0.12 for methods in rows.values()) + 0.75
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    ratios = [len(methods) + 0.6 for methods in rows.values()]
    grid = figure.subplots(
        len(backbones), len(phases), squeeze=False, sharex=True, sharey="row", gridspec_kw={"height_ratios": ratios}
    )
    for line, backbone in zip(grid, backbones, strict=True):
        for axes, phase in zip(line, phases, strict=True):
            axes.axvline(0, color=INK, linewidth=0.8)
            for place, method in enumerate(rows[backbone]):
                own = found.get((backbone, method, phase))
                if own is not None:
                    look = looks[method]
                    dots = axes.plot(own.seeds, [place] * len(own.seeds), **look.line(**SEED))
                    style = look.line(linestyle="none", elinewidth=1.1, capsize=2)
                    bar = axes.errorbar([own.mean], [place], xerr=[[own.below], [own.above]], **style)
                    look.mark(*dots, *bar.get_children())
            axes.set_yticks(range(len(rows[backbone])), [short(looks[method].title) for method in rows[backbone]])
            axes.set_ylim(len(rows[backbone]) - 0.4, -0.6)
            axes.tick_params(axis="y", length=0)
            axes.grid(axis="y", visible=False)
            if backbone == backbones[0]:
                axes.set_title(phase)
        for method, text in zip(rows[backbone], line[0].get_yticklabels(), strict=True):
            looks[method].mark(text)
        line[-1].annotate(
            short(backbone, 18), (1.04, 0.5), xycoords="axes fraction", va="center", annotation_clip=False
        )
    base = looks[baseline(frame["method"])].title
    figure.supxlabel(f"{options.title} minus that of {base}", fontsize=8.5)
    return figure


def differences(frame: pd.DataFrame, options: ReportOptions) -> dict[tuple[str, str, str], Point]:
    """By (backbone, method, phase): the mean difference to the baseline over the seeds that both have."""
    found = {}
    base = baseline(frame["method"])
    for (backbone, phase), part in frame.groupby(["backbone", "phase"], sort=False):
        matrix = values(part, options.metric)
        if base not in matrix:
            continue
        for method in matrix.columns.drop(base):
            own = point((matrix[method] - matrix[base]).to_numpy(float), options.alpha)
            if own is not None:
                found[str(backbone), str(method), str(phase)] = own
    return found
