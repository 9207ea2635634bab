"""The scores of a search's trials against each hyper-parameter."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coldbench.report.analysis.scale import BEYOND
from coldbench.report.analysis.studies import Attempt, Searched
from coldbench.report.figures.style import COLOURS, INK, MUTED, WIDTH, Look, legend, short

FINISHED, STOPPED, DEFAULTS, BEST = "finished", "stopped early", "defaults", "best"
LOOKS = {  # told apart in grey by their markers
    FINISHED: Look(COLOURS[4], "o", "-"),
    STOPPED: Look(MUTED, "x", "-"),
    DEFAULTS: Look(INK, "D", "-", "none"),
    BEST: Look(COLOURS[5], "*", "-"),
}
_SIZES = {FINISHED: 4.0, STOPPED: 4.0, DEFAULTS: 7.5, BEST: 9.0}
_MOST_ACROSS = 4


def by_field(study: Searched) -> Figure | None:
    """One column of panels per field: the final scores, and below them the scores at the first warm-up phase.

    The second row is drawn only where trials were stopped, since those have no final score.

    Returns:
        The figure, or None where no trial has a score.
    """
    rows = [(study.metric, "score")] + ([(study.early_metric, "early")] if study.stopped else [])
    reaches = {kind: reach for _, kind in rows if (reach := study.reach(kind)) is not None}
    rows = [(title, kind) for title, kind in rows if kind in reaches]
    fields = list(study.scales)
    if not rows or not fields:
        return None
    blocks = math.ceil(len(fields) / _MOST_ACROSS)
    across = math.ceil(len(fields) / blocks)
    down = blocks * len(rows)
    width = WIDTH if across > 1 else 0.64 * WIDTH
    figure = Figure(figsize=(width, 1.75 * down + 0.35 * blocks), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharex=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for place, field in enumerate(fields):
        for depth, (title, kind) in enumerate(rows):
            axes = grid[place // across * len(rows) + depth, place % across]
            axes.set_visible(True)
            _panel(axes, study, field, kind)
            axes.set_ylim(_rimmed(*reaches[kind]))  # the same for all fields, so that panels compare
            if place % across == 0:
                axes.set_ylabel(title if study.higher_is_better else f"{title}\n(lower is better)")
            else:
                axes.tick_params(labelleft=False)
            if depth == len(rows) - 1:
                axes.set_xlabel(short(study.label(field)))
            else:
                axes.tick_params(labelbottom=False)
    shown = {name: look for name, look in LOOKS.items() if any(name in kinds(study, each) for each in study.attempts)}
    legend(figure, shown, linestyle="none")
    return figure


def kinds(study: Searched, attempt: Attempt) -> list[str]:
    """The marks of a trial: its state, and whether it is the one with the defaults or the best."""
    marks = [STOPPED if attempt.state == "stopped" else FINISHED]
    marks += [DEFAULTS] if attempt == study.defaults else []
    return [*marks, BEST] if attempt == study.best else marks


def _panel(axes: Axes, study: Searched, field: str, kind: str) -> None:
    scale = study.scales[field]
    for attempt in study.attempts:
        score = getattr(attempt, kind)
        if score is not None:
            at = scale.spread(attempt.values[field], attempt.number)
            for name in kinds(study, attempt):
                order = 2 + list(LOOKS).index(name)
                look = LOOKS[name].line(linestyle="none", markersize=_SIZES[name], zorder=order)
                axes.plot([at], [score], **look, clip_on=False)
    places, labels = zip(*scale.ticks(), strict=True)
    crowded = sum(map(len, labels)) > 24
    axes.set_xticks(places, [short(label, 14) for label in labels], rotation=30 if crowded else 0)
    axes.set_xlim(-1.3 * BEYOND, 1 + 1.3 * BEYOND)


def _rimmed(low: float, high: float) -> tuple[float, float]:
    """Limits of an axis on which the scores from low to high do not touch the ends."""
    rim = 0.08 * (high - low) or max(0.01 * abs(high), 1e-3)
    return low - rim, high + rim
