"""All figures of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from coldbench.report.analysis.findings import Findings, Section
from coldbench.report.analysis.names import WITHIN, baseline
from coldbench.report.analysis.titles import title_of
from coldbench.report.figures import budgets, critical, difference, embeddings, phases, published, shots, steps
from coldbench.report.figures.picture import Picture, draw
from coldbench.report.figures.style import RC, Look, looks
from coldbench.report.figures.summary import over
from coldbench.runs.folder import Folder
from coldbench.runs.record import Record

_Parts = tuple[str, str, str, str, Figure]  # the arguments of ``picture.draw``
EMBEDDINGS = "embeddings"
KINDS = (
    "phases",
    "shots",
    "steps",
    "seconds",
    "difference",
    "published",
    "ranks",
    "budgets",
    EMBEDDINGS,
)  # how kinds begin


def pictures(folder: Folder, findings: Findings, only: str | None = None) -> tuple[list[Picture], list[str]]:
    """Draws every figure that a run's findings allow.

    Args:
        folder: The run's folder, for the embeddings.
        findings: The run's findings; the embeddings and the paper's numbers do not depend on the metric.
        only: One of ``KINDS``, to draw no other; None for all.

    Returns:
        The pictures, and a sentence for each that could not be drawn, saying why.
    """
    notes: list[str] = []
    with rc_context(RC):
        chosen = looks(findings.frame["method"], findings.titles.get("method"))
        parts = [part for section in findings.sections for part in _of_section(section, chosen, findings)]
        parts += [*_ranks(findings, chosen, notes), *_budgets(findings, chosen)]
        if only in (None, EMBEDDINGS):  # the only ones that are slow to compute
            parts += _maps(folder, findings, chosen, notes)
        drawn = [draw(*part) for part in parts if only is None or part[1].startswith(only)]
    return drawn, notes


def _titled(frame: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """A frame with the backbones' titles."""
    return frame.replace({"backbone": dict(findings.titles.get("backbone", {}))})


def _budgets(findings: Findings, chosen: dict[str, Look]) -> Iterator[_Parts]:
    """The metric against the budget of protocol matched, for each dataset that was run with several budgets."""
    for dataset, part in findings.scored.groupby("dataset", sort=False):
        for name, title, seconds, caption in _BUDGETS:
            figure = budgets.against_budget(_titled(part, findings), chosen, findings.options, seconds)
            if figure is not None:
                yield str(dataset), name, title, caption.format(behind=over(part, findings.options.alpha)), figure


def _ranks(findings: Findings, chosen: dict[str, Look], notes: list[str]) -> Iterator[_Parts]:
    """The diagram of critical differences of each protocol, or a note that says why there is none."""
    for (protocol, division), part in findings.scored.groupby(["protocol", "division"], sort=False):
        about = ", ".join(filter(None, [f"protocol {protocol}", str(division)]))
        ranks = critical.rankings(part, findings.options)
        figure = critical.critical_differences(ranks, chosen)
        if figure is None:
            why = next(iter(ranks.values()))[1].note
            notes.append(f"The methods' ranks under {about} are not drawn: {why}.")
        else:
            caption = _CRITICAL.format(alpha=findings.options.alpha)
            yield about, "ranks", "critical differences", caption, figure


def _maps(folder: Folder, findings: Findings, chosen: dict[str, Look], notes: list[str]) -> Iterator[_Parts]:
    """The map of the embeddings of each dataset, protocol and backbone, or a note where their files are gone."""
    for about, backbone, own in _by_backbone(findings):
        figure = _embedding_map(folder, own, chosen)
        title = title_of(findings.titles, "backbone", backbone)
        if figure is None:
            notes.append(f"There is no map of the embeddings for {about}, {title}: their files are missing.")
        else:
            seed = min(record["seed"] for record in own)
            caption = _EMBEDDINGS.format(backbone=title, seed=seed)
            yield about, f"{EMBEDDINGS} on {backbone}", f"embeddings on {title}", caption, figure


_CRITICAL = (
    "Mean rank of each method over datasets, 1 is best; a bar joins methods whose ranks differ by less "
    "than Nemenyi's critical difference CD (level {alpha:g})."
)
_EQUAL = "Protocol matched: every method takes the same number of optimiser steps on each warm-up phase, "
_BUDGETS = (  # name, title, whether against seconds, caption
    ("budgets", "equal optimiser steps", False, _EQUAL + "given in epochs of the plain baseline; {behind}."),
    (
        "budgets in seconds",
        "equal optimiser steps, by processor time",
        True,
        _EQUAL + "drawn at the processor time that the three phases took, without training on base: one point per "
        "budget; {behind}.",
    ),
)
_EMBEDDINGS = (
    "PCA fitted on the old items' ID embeddings of the pretrained {backbone} (grey), the cold items over them by "
    "method and phase, seed {seed}. Each row has its own scales; beside it the shares of the old items' variance that "
    "its axes hold. SW: sliced Wasserstein distance to the old items; MMD²: squared maximum mean "
    "discrepancy, unbiased."
)


_COSTS = (  # name, title, what is on the axis, caption
    (
        "steps",
        "optimiser steps",
        steps.STEPS,
        "the optimiser steps spent on warm-up data so far, those of a method's own networks included; {behind}. "
        "Methods far apart in steps were not trained alike.",
    ),
    (
        "seconds",
        "processor seconds",
        steps.SECONDS,
        "the processor time spent on warm-up data so far, without training on base; {behind}. Times are those of the "
        "machine that computed the cells, and of whatever else it did meanwhile.",
    ),
)


def _of_section(section: Section, chosen: dict[str, Look], findings: Findings) -> Iterator[_Parts]:
    """The figures of one dataset under one protocol."""
    options = findings.options
    about, frame, name = section.title, _titled(section.frame, findings), options.title
    behind = over(frame, options.alpha)
    caption = f"{name} on the test rows; {behind}."
    if section.by_shots:
        yield from _by_shots(about, frame, chosen, findings)
    else:
        yield about, "phases", f"{name} by phase", caption, phases.by_phase(frame, chosen, options)
    for name_of, title, cost, caption in _COSTS:
        figure = steps.against_cost(frame, chosen, options, cost)
        if figure is not None:
            caption = f"{name} after each warm-up phase against {caption.format(behind=behind)}"
            yield about, name_of, f"{name} against {title}", caption, figure
    figure = None if section.by_shots else difference.to_base(frame, chosen, options)
    if figure is not None:
        base = title_of(findings.titles, "method", baseline(frame["method"]))
        caption = f"Difference to {base} in {name}, paired by seed; {behind}."
        yield about, "difference", f"difference to {base}", caption, figure
    figure = published.against_paper(section.frame, chosen, options.alpha)
    if figure is not None:
        caption = (
            f"Our AUC minus the published one of the same cell, against the published one; {behind}. Band: {WITHIN}."
        )
        yield about, "published", "ours against the paper", caption, figure


def _by_backbone(findings: Findings) -> Iterator[tuple[str, str, list[Record]]]:
    """The records of each dataset, protocol and backbone that count in the frame, of one seed per method."""
    kept = {record["key"]: record for record in findings.records}
    for section in findings.sections:
        for backbone, part in section.frame.groupby("backbone", sort=False):
            first = part[part["seed"] == part["seed"].min()].drop_duplicates("method")
            yield section.title, str(backbone), [kept[key] for key in first["key"]]


def _by_shots(about: str, frame: pd.DataFrame, chosen: dict[str, Look], findings: Findings) -> Iterator[_Parts]:
    """The learning curves of one dataset under one protocol, and their differences to the baseline."""
    options, name = findings.options, findings.options.title
    behind = over(frame, options.alpha)
    caption = f"{name} on the same test rows after each number of interactions per new item; {behind}."
    yield about, "shots", f"{name} by shots", caption, shots.learning_curves(frame, chosen, options)
    figure = shots.learning_differences(frame, chosen, options)
    if figure is not None:
        base = title_of(findings.titles, "method", baseline(frame["method"]))
        caption = f"Difference to {base} in {name} after each number of interactions, paired by seed; {behind}."
        yield about, "shots difference", f"difference to {base} by shots", caption, figure


def _embedding_map(folder: Folder, records: Sequence[Record], chosen: dict[str, Look]) -> Figure | None:
    own = {record["labels"]["method"]: folder.embeddings(record) for record in records}
    arrays_by_method = {method: arrays for method, arrays in own.items() if arrays is not None}
    gaps = {(r["labels"]["method"], phase["phase"]): phase for r in records for phase in r["phases"]}
    return embeddings.embedding_map(arrays_by_method, gaps, chosen) if arrays_by_method else None
