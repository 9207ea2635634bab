"""All figures of a search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure

from coldbench.report.analysis.importance import shares
from coldbench.report.analysis.names import counted
from coldbench.report.analysis.studies import Searched
from coldbench.report.figures.fields import by_field
from coldbench.report.figures.importances import by_importance
from coldbench.report.figures.parallel import parallel
from coldbench.report.figures.picture import Picture, draw
from coldbench.report.figures.style import RC


def pictures(studies: Sequence[Searched]) -> tuple[list[Picture], list[str]]:
    """Draws every figure that the studies of a search allow.

    Returns:
        The pictures, and a sentence for each that could not be drawn, saying why.
    """
    drawn: list[Picture] = []
    notes: list[str] = []
    with rc_context(RC):
        for study in studies:
            if study.scales and len(study.attempts) < 2:
                notes.append(
                    f"No figures for {study.title}: it has {counted(len(study.attempts), 'trial')}, no two to compare."
                )
            elif study.scales:
                drawn += [draw(study.title, *parts) for parts in _of_study(study, notes)]
    return drawn, notes


def _of_study(study: Searched, notes: list[str]) -> Iterator[tuple[str, str, str, Figure]]:
    """The figures of one study, as arguments of ``draw``; a note for each that cannot be drawn."""
    some = (
        f" {study.stopped} of {len(study.attempts)} trials were stopped early and have no final score, so they are "
        f"compared at {study.early}, which all reached"
        if study.stopped
        else ""
    )
    figure = by_field(study)
    if figure is not None:
        where = f".{some} (lower row)" if study.stopped else ""
        caption = (
            f"Final score of each finished trial against what was searched{where}. Trials with the same choice are "
            f"spread sideways; a mark past an end of an axis lies outside of what was searched."
        )
        yield "fields", f"{study.metric} against each hyper-parameter", caption, figure
    figure = parallel(study)
    if figure is not None:
        ends = (
            f" Grey lines end at {study.early}: stopped early, {study.stopped} of {len(study.attempts)}."
            if some
            else ""
        )
        caption = (
            f"One line per trial, from blue for the worst finished one over purple to orange for the best, by rank of "
            f"the final score; every axis has its own scale, better scores are up. Star: the best; dashes: the "
            f"defaults.{ends}"
        )
        yield "parallel", "trials as lines", caption, figure
    kind, metric = ("early", study.early_metric) if study.stopped else ("score", study.metric)
    scored = [(each.values, score) for each in study.attempts if (score := getattr(each, kind)) is not None]
    importances = shares(study.scales, [values for values, _ in scored], [score for _, score in scored])
    if isinstance(importances, str):
        notes.append(f"No importance of hyper-parameters for {study.title}: {importances}.")
        return
    basis = f"{some}; it is the ranks there that are explained." if some else " The ranks are those of the final score."
    caption = (
        f"Share of the variance of the {len(scored)} trials' ranks that goes with one hyper-parameter alone: a "
        f"parabola over its scale, or a mean per choice; what two do together is in no bar. Where none matters, all "
        f"bars end left of their lines in 95 of 100 searches; a hollow bar does.{basis}"
    )
    yield (
        "importance",
        "importance of the hyper-parameters",
        caption,
        by_importance({study.label(field): share for field, share in importances.items()}, metric),
    )
