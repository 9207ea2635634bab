"""Our numbers against the papers'."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from coldbench.report.analysis import paper
from coldbench.report.analysis.names import WITHIN, counted
from coldbench.report.figures.style import INK, MUTED, Look, legend, panels
from coldbench.report.figures.summary import Point, point


def against_paper(frame: pd.DataFrame, looks: dict[str, Look], alpha: float) -> Figure | None:
    """A panel per published table: the paper's AUC across, ours minus it upwards, a band of 0.01.

    Args:
        frame: The rows of one dataset under one protocol.
        looks: The looks of its methods.
        alpha: 1 - alpha is the level of the intervals.

    Returns:
        The figure, or None where the paper has none of the frame's numbers.
    """
    tables = {table: found for table in paper.TABLES if (found := pairs(frame, table, alpha))}
    if not tables:
        return None
    titles = [f"{paper.TABLES[table]}: {counted(len(found), 'cell')}" for table, found in tables.items()]
    figure, grid = panels(titles, 2, 2.9, "AUC in the paper", "ours minus the paper's", sharex=False)
    shown = {m: looks[m] for m in looks if any(key[1] == m for found in tables.values() for key in found)}
    for axes, found in zip(grid, tables.values(), strict=True):
        axes.axhspan(-WITHIN, WITHIN, color=MUTED, alpha=0.15, linewidth=0)
        axes.axhline(0, color=INK, linewidth=0.8)
        for (_, method, _), (published, ours) in found.items():
            drawn = axes.errorbar(
                [published],
                [ours.mean - published],
                [[ours.below], [ours.above]],
                elinewidth=0.7,
                **shown[method].line(linestyle="none"),
            )
            shown[method].mark(*drawn.get_children())
        reach = 1.1 * max(abs(ours.mean - published) + ours.above for published, ours in found.values())
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, -reach, -1.2 * WITHIN), max(high, reach, 1.2 * WITHIN))
    legend(figure, shown, linestyle="none")
    return figure


def pairs(frame: pd.DataFrame, table: paper.Key, alpha: float) -> dict[tuple[str, str, str], tuple[float, Point]]:
    """By (backbone, method, phase): the published number and ours, where there are both."""
    found = {}
    keys = ["protocol", "dataset_name", "backbone", "method", "phase"]
    for key, part in frame.groupby(keys, sort=False):
        protocol, dataset, backbone, method, phase = map(str, key)
        published, ours = paper.auc(table, protocol, dataset, backbone, method, phase), point(part["auc"], alpha)
        if published is not None and ours is not None:
            found[backbone, method, phase] = published, ours
    return found
