"""All figures of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure

from coldbench.report.analysis.findings import Findings, Section
from coldbench.report.analysis.frame import BASELINE, Question
from coldbench.report.figures import budgets, critical, difference, embeddings, phases, published, steps
from coldbench.report.figures.picture import Picture, draw
from coldbench.report.figures.style import RC, Look, looks
from coldbench.report.figures.summary import over
from coldbench.run.folder import Folder, Record


def pictures(folder: Folder, found: Findings) -> tuple[list[Picture], list[str]]:
    """Draws everything that a run's findings allow.

    Args:
        folder: The run's, for the embeddings.
        found: What it came to; the embeddings and the paper's numbers do not depend on the metric.

    Returns:
        The pictures, and a line for each that could not be drawn, saying why.
    """
    notes: list[str] = []
    with rc_context(RC):
        chosen = looks(found.frame["method"])
        drawn = [draw(*parts) for section in found.sections for parts in _of_section(section, chosen, found.question)]
        for protocol, part in found.frame.groupby("protocol", sort=False):
            ranks = critical.rankings(part, found.question)
            figure = critical.critical_differences(ranks, chosen)
            if figure is None:
                why = next(iter(ranks.values()))[1].note
                notes.append(f"No critical differences under protocol {protocol}: {why}.")
            else:
                caption = _CRITICAL.format(alpha=found.question.alpha)
                drawn.append(draw(f"protocol {protocol}", "ranks", "critical differences", caption, figure))
        for dataset, part in found.frame.groupby("dataset", sort=False):
            figure = budgets.against_budget(part, chosen, found.question)
            if figure is not None:
                caption = _BUDGETS.format(behind=over(part, found.question.alpha))
                drawn.append(draw(str(dataset), "budgets", "equal optimiser steps", caption, figure))
        for about, backbone, own in _by_backbone(found):
            figure = _embedding_map(folder, own, chosen)
            if figure is None:
                notes.append(f"No map of the embeddings for {about}, {backbone}: their files are not there.")
            else:
                seed = min(record["seed"] for record in own)
                title, caption = f"embeddings on {backbone}", _EMBEDDINGS.format(backbone=backbone, seed=seed)
                drawn.append(draw(about, title, title, caption, figure))
    return drawn, notes


_CRITICAL = (
    "Mean rank of each method over datasets, 1 is best; a bar joins methods whose ranks differ by less "
    "than Nemenyi's critical difference CD (level {alpha:g})."
)
_BUDGETS = (
    "Protocol matched: every method takes the same number of optimiser steps on each warm-up phase, given in epochs of "
    "the plain baseline; {behind}."
)
_EMBEDDINGS = (
    "PCA fitted on the old items' ID embeddings of the pretrained {backbone} (grey), the cold items over them by "
    "method and phase, seed {seed}. Each row has its own scales; beside it the shares of the old items' variance that "
    "its axes hold. SW: sliced Wasserstein distance to the old items; MMD²: squared maximum mean "
    "discrepancy, unbiased."
)


def _of_section(
    section: Section, chosen: dict[str, Look], question: Question
) -> Iterator[tuple[str, str, str, str, Figure]]:
    """What one dataset under one protocol gives, as arguments of ``picture.draw``."""
    about, frame, name = section.title, section.frame, question.title
    behind = over(frame, question.alpha)
    caption = f"{name} on the test rows; {behind}."
    yield about, "phases", f"{name} by phase", caption, phases.by_phase(frame, chosen, question)
    if steps.spent(frame)["spent"].gt(0).any():
        caption = (
            f"{name} after each warm-up phase against the optimiser steps spent on warm-up data so far, those of "
            f"a method's own networks included; {behind}. Methods far apart in steps were not trained alike."
        )
        yield about, "steps", f"{name} against optimiser steps", caption, steps.against_steps(frame, chosen, question)
    figure = difference.to_base(frame, chosen, question)
    if figure is not None:
        caption = f"Difference to {BASELINE} in {name}, paired by seed; {behind}."
        yield about, "difference", f"difference to {BASELINE}", caption, figure
    figure = published.against_paper(frame, chosen, question.alpha)
    if figure is not None:
        caption = f"Our AUC minus the published one of the same cell, against the published one; {behind}. Band: 0.01."
        yield about, "published", "ours against the paper", caption, figure


def _by_backbone(found: Findings) -> Iterator[tuple[str, str, list[Record]]]:
    """The records of each dataset, protocol and backbone that count in the frame, of one seed a method."""
    kept = {record["key"]: record for record in found.records}
    for section in found.sections:
        for backbone, part in section.frame.groupby("backbone", sort=False):
            first = part[part["seed"] == part["seed"].min()].drop_duplicates("method")
            yield section.title, str(backbone), [kept[key] for key in first["key"]]


def _embedding_map(folder: Folder, records: Sequence[Record], chosen: dict[str, Look]) -> Figure | None:
    own = {record["labels"]["method"]: folder.embeddings(record) for record in records}
    found = {method: arrays for method, arrays in own.items() if arrays is not None}
    gaps = {(r["labels"]["method"], phase["phase"]): phase for r in records for phase in r["phases"]}
    return embeddings.embedding_map(found, gaps, chosen) if found else None
