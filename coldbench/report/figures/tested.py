"""The figures of a simulated online test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from coldbench.online.folder import Simulation
from coldbench.online.funnel import STAGES
from coldbench.online.measures import MEASURES
from coldbench.online.names import DESIGNS, GLOBAL
from coldbench.online.scorers import PERMANENT
from coldbench.report.analysis.platform import daily, funnel
from coldbench.report.figures.picture import Picture, draw
from coldbench.report.figures.style import INK, MUTED, RC, WIDTH, legend, looks, panels, short

_SHOWN = ("new_views", "views")
_MARKERS = dict(zip(DESIGNS, "osD^", strict=True))


def pictures(
    runs: Sequence[Simulation], effects: pd.DataFrame, scenarios: Sequence[str], titles: Mapping[str, str]
) -> list[Picture]:
    """Draws every figure that the runs allow; ``titles`` are those of the methods, by label."""
    drawn, effects = [], effects.assign(arm=effects["arm"].replace(dict(titles)))
    with rc_context(RC):
        for scenario in scenarios:
            drawn += [draw(scenario, *parts) for parts in _of_scenario(runs, effects, scenario, titles)]
        figure = tornado(effects, scenarios)
        if figure is not None:
            caption = (
                f"True effect (design global) on views of new items, mean over seeds, in each scenario; the line is at "
                f"{short(scenarios[0], 80)}, the dotted one at no effect. "
                "A conclusion that changes sides along a row rests on that assumption. Each panel has its own scale."
            )
            drawn.append(draw("all scenarios", "tornado", "Tornado of assumptions", caption, figure))
    return drawn


def _of_scenario(
    runs: Sequence[Simulation], effects: pd.DataFrame, scenario: str, titles: Mapping[str, str]
) -> Iterator[tuple[str, str, str, Figure]]:
    days = daily(runs, scenario)
    if not days.empty:
        chosen = looks(days["arm"], titles)
        figure, (axes,) = panels(["Share of new items in all impressions"], 1, 2.4, "day of the test", "%")
        for arm, own in days.groupby("arm", sort=False):
            axes.plot(own["day"], own["share"], **chosen[str(arm)].line())
        legend(figure, chosen)
        yield "days", "By day", "Design global, all seeds together. New items arrive on every day.", figure
        figure, (axes,) = panels(["Share of new items after each stage"], 1, 2.4, "", "% of the items")
        for row in funnel(runs, scenario).rows:
            axes.plot(STAGES, [cell.value or 0.0 for cell in row[2 : 2 + len(STAGES)]], **chosen[row[0].text].line())
        legend(figure, chosen)
        yield "funnel", "The funnel", "Design global, all seeds together.", figure
    effect = by_design(effects[effects["scenario"] == scenario])
    if effect is not None:
        caption = (
            "Effect against the control in each design: a mark per seed with the 95 % interval of the users of its "
            "world, and a vertical line at no effect. Design global is the true effect."
        )
        yield "designs", "Effects by design", caption, effect


def by_design(part: pd.DataFrame) -> Figure | None:
    """Rows of arms, panels of metrics: the effect of every seed in every design."""
    part = part[~part["arm"].isin(PERMANENT) & part["metric"].isin(_SHOWN) & (part["percent"].fillna(0) != 0)]
    arms = list(dict.fromkeys(part["arm"]))
    if not arms:
        return None
    designs = [design for design in DESIGNS if (part["design"] == design).any()]
    figure = Figure(figsize=(WIDTH, 0.5 * len(arms) + 1.2), layout="constrained")
    for axes, metric in zip(figure.subplots(1, len(_SHOWN), sharey=True), _SHOWN, strict=True):
        axes.axvline(0, color=INK, linewidth=0.8)
        for number, design in enumerate(designs):
            own = part[(part["metric"] == metric) & (part["design"] == design)]
            places = np.array([arms.index(arm) for arm in own["arm"]], float)
            heights = places + 0.2 * (number - len(designs) / 2 + 0.5) + 0.03 * own.groupby("arm").cumcount().to_numpy()
            spread = np.nan_to_num(np.stack([own["percent"] - own["low"], own["high"] - own["percent"]]))
            style = {"linestyle": "none", "marker": _MARKERS[design], "color": f"C{number}", "markersize": 3}
            axes.errorbar(own["percent"], heights, xerr=spread, elinewidth=0.8, label=design, **style)
        axes.set_yticks(range(len(arms)), [short(arm) for arm in arms])
        axes.set_ylim(len(arms) - 0.5, -0.5)
        axes.set_title(MEASURES[metric].title)
        axes.set_xlabel("% of the control")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(designs))
    return figure


def tornado(effects: pd.DataFrame, scenarios: Sequence[str]) -> Figure | None:
    """The true effect of each method in each scenario, as bars from its effect in the first one."""
    part = effects[(effects["design"] == GLOBAL) & (effects["metric"] == _SHOWN[0]) & ~effects["arm"].isin(PERMANENT)]
    means = part.groupby(["arm", "scenario"], sort=False)["percent"].mean()
    arms = [arm for arm in dict.fromkeys(part["arm"]) if (means[arm].fillna(0) != 0).any()]
    if len(scenarios) < 2 or not arms:
        return None
    names = [short(scenario, 60) for scenario in scenarios]
    figure, shown = panels([short(arm) for arm in arms], 2, 0.22 * len(scenarios) + 0.8, "% of the control", "", False)
    for axes, arm in zip(shown, arms, strict=True):
        start = means[arm].get(scenarios[0], 0.0)
        values = np.array([means[arm].get(scenario, np.nan) for scenario in scenarios])
        axes.barh(range(len(values)), values - start, left=start, color=MUTED)
        axes.axvline(start, color=INK, linewidth=0.8)
        axes.axvline(0, color=INK, linewidth=0.8, linestyle=":")
        axes.set_yticks(range(len(values)), names)
        axes.set_ylim(len(values) - 0.5, -0.5)
    return figure
