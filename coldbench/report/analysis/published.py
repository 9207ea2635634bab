"""A section's means beside the numbers of every paper that has the cell, and where papers contradict each other."""

from __future__ import annotations

from coldbench.report.analysis import paper
from coldbench.report.analysis.entries import Block, Entry, axes, place_of
from coldbench.report.analysis.names import WITHIN
from coldbench.report.analysis.table import FAR, Cell, Table
from coldbench.report.analysis.titles import UNTITLED, Titles

_HEADER = ["backbone", "method", "published in"]


def beside_every_paper(
    block: Block, protocol: str, dataset: str, place: str, titles: Titles = UNTITLED
) -> Table | None:
    """One row per backbone, method and published table that has some of their phases.

    Args:
        block: The entries of one dataset under one protocol.
        protocol: The protocol's label.
        dataset: The dataset's name.
        place: The dataset, for the caption.
        titles: Titles of backbones and methods.

    Returns:
        The table, or None where at most one paper has numbers, which the comparison with that paper shows.
    """
    backbones, methods, phases = axes(block)
    rows, named = [], set()
    for backbone in backbones:
        for method in methods:
            for table, title in paper.TABLES.items():
                cells = [
                    _cell(
                        block.get((backbone, method, phase)),
                        paper.auc(table, protocol, dataset, backbone, method, phase),
                    )
                    for phase in phases
                ]
                if any(cell.text for cell in cells):
                    rows.append([Cell(backbone), Cell(method), Cell(title), *cells])
                    named.add(title.partition(",")[0])
    if len(named) < 2:
        return None
    return Table(
        "Beside every paper",
        [*_HEADER, *phases],
        3,
        rows,
        "Each published AUC, and our mean minus it.",
        contradictions(block, protocol, dataset, titles),
        f"Published AUC and our mean minus it by backbone, method, paper and phase on {place}.",
        stacked=True,
    )


def contradictions(block: Block, protocol: str, dataset: str, titles: Titles = UNTITLED) -> list[str]:
    """A sentence per cell for which two papers give numbers that lie farther apart than ours should from either.

    Args:
        block: The entries of one dataset under one protocol.
        protocol: The protocol's label.
        dataset: The dataset's name.
        titles: Titles of backbones and methods.
    """
    lines = []
    for key, entry in block.items():
        cell = protocol, dataset, *key
        given = {
            title: number for table, title in paper.TABLES.items() if (number := paper.auc(table, *cell)) is not None
        }
        if given and max(given.values()) - min(given.values()) > WITHIN:
            numbers = "; ".join(f"{number:.4f} in {title}" for title, number in given.items())
            lines.append(
                f"Papers contradict each other on {place_of(key, titles)}: {numbers}. Here it is {entry.mean:.4f}."
            )
    return lines


def _cell(entry: Entry | None, number: float | None) -> Cell:
    if entry is None or number is None:
        return Cell("")
    distance = entry.mean - number
    return Cell(f"{number:.4f}", number, f"{distance:+.4f}", FAR if abs(distance) > WITHIN else "")
