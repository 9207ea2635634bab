"""A search -> its report: Markdown, figures and one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from coldbench.core.atomic import write_text
from coldbench.core.config import text
from coldbench.core.errors import InputError
from coldbench.core.storage import Place
from coldbench.report.analysis.studies import Attempt, Searched, read
from coldbench.report.analysis.table import Cell, Table, number
from coldbench.report.figures.picture import Picture, write_pictures
from coldbench.report.figures.searched import pictures
from coldbench.report.writers import html, markdown
from coldbench.tune.trials import Results

_PSEUDO_COLD = "Chosen on pseudo-cold items; no row of a new item was used."
_STUDY = ["dataset", "protocol", "backbone", "method"]


@dataclass(frozen=True)
class SearchReport:
    """The files of a search's report.

    Attributes:
        path: The report in Markdown; index.html and the figures lie beside it.
        summary: The table of studies, for a terminal.
    """

    path: Place
    summary: str


def write_search(out: Place, made: Results) -> SearchReport:
    """Writes ``report/`` in a search's folder.

    Raises:
        InputError: The report cannot be written.
    """
    studies = read(made)
    drawn, notes = pictures(studies)
    notes += [
        f"Some trials of {study.title} are of an earlier search, which varied {', '.join(study.other_fields)} as well."
        for study in studies
        if study.other_fields
    ]
    summary = _table(studies)
    folder = out / "report"
    try:
        write_pictures(folder / "figures", drawn)
        write_text(folder / "tuning.md", _markdown(summary, drawn, notes))
        write_text(folder / "index.html", _page(out.name, studies, drawn, notes))
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror})") from None
    return SearchReport(folder / "tuning.md", summary)


def _table(studies: Sequence[Searched]) -> str:
    """The score of each study's defaults and best trial, with the best values."""
    rows = [
        [
            *_names(study),
            f"{len(study.attempts)}, {study.stopped} stopped",
            *(f"{each.score:.4f}" if each and each.score is not None else "" for each in (study.defaults, study.best)),
            study.words(study.best),
        ]
        for study in studies
    ]
    return markdown.grid(rows, [*_STUDY, "trials", *_scores(studies), "values"])


def _names(study: Searched) -> list[str]:
    cell = study.study.cells[0]
    return [cell.dataset.label, cell.protocol.full, cell.backbone.label, cell.method.label]


def _scores(studies: Sequence[Searched]) -> list[str]:
    return [f"{studies[0].metric}, {which}" for which in ("defaults", "best")]


def _markdown(summary: str, drawn: Sequence[Picture], notes: Sequence[str]) -> str:
    parts = ["# Hyper-parameter search", _PSEUDO_COLD, summary]
    for about in dict.fromkeys(picture.about for picture in drawn):
        parts.append(f"## {about}")
        for picture in drawn:
            if picture.about == about:
                parts += [f"![{picture.title}](figures/{picture.name}.svg)", picture.caption]
    if notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in notes)]
    return "\n\n".join(parts) + "\n"


def _page(name: str, studies: Sequence[Searched], drawn: Sequence[Picture], notes: Sequence[str]) -> str:
    seeds = len(studies[0].study.cells)
    trials = sum(len(study.attempts) for study in studies)
    counts = {
        "study" if len(studies) == 1 else "studies": len(studies),
        "trial" if trials == 1 else "trials": trials,
        "stopped early": sum(study.stopped for study in studies),
        "seed per trial" if seeds == 1 else "seeds per trial": seeds,
    }
    return html.render(
        "search",
        name,
        drawn,
        source="the trials of the search",
        lead=f"Hyper-parameter search by {studies[0].metric}. {_PSEUDO_COLD}",
        tiles=[(what, f"{count:,}") for what, count in counts.items()],
        warnings=notes,
        studies=_studies(studies),
        trials=[replace(_trials(study), folded=len(studies) > 1) for study in studies if study.scales],
        ranges=[
            (study.title, {study.label(field): str(scale) for field, scale in study.scales.items()})
            for study in studies
            if study.scales
        ],
        settings={field: text(value) for field, value in vars(studies[0].study.cells[0].settings).items()},
    )


def _studies(studies: Sequence[Searched]) -> Table:
    """The best trial of each study; names that all studies share stand in the legend."""
    columns = list(zip(*map(_names, studies), strict=True))
    names = [place for place, name in enumerate(_STUDY) if name == "method" or len(set(columns[place])) > 1]
    shared = [f"{name} {columns[place][0]}" for place, name in enumerate(_STUDY) if place not in names]
    rows = []
    for study in studies:
        scores = [each.score if each else None for each in (study.defaults, study.best)]
        gain = None if None in scores else scores[1] - scores[0]  # type: ignore[operator]
        rows.append(
            [
                *(Cell(_names(study)[place]) for place in names),
                number(len(study.attempts), ",d"),
                number(study.stopped, ",d"),
                *(number(score, ".4f") for score in scores),
                number(gain, "+.4f"),
                Cell(study.words(study.best)),
            ]
        )
    header = [*(_STUDY[place] for place in names), "trials", "stopped", *_scores(studies), "gain", "values"]
    legend = "Gain: the best trial's score minus the defaults'." + (f" All: {', '.join(shared)}." if shared else "")
    return Table("Best trial of each study", header, len(names), rows, legend, caption="Studies")


def _trials(study: Searched) -> Table:
    rows = [[Cell(each.state), *_trial(study, each)] for each in study.attempts]
    header = ["state", "trial", *map(study.label, study.scales), study.early_metric, study.metric, "seconds"]
    legend = f"Best: {study.words(study.best)}."
    return Table(study.title, header, 1, rows, legend, caption=f"Trials of {study.title}")


def _trial(study: Searched, each: Attempt) -> list[Cell]:
    values = [
        Cell(text(each.values[field]), scale.place(each.values[field]))
        if scale.categorical
        else Cell(text(each.values[field]), float(each.values[field]))
        for field, scale in study.scales.items()
    ]
    marks = [mark for mark, other in (("defaults", study.defaults), ("best", study.best)) if each == other]
    score = number(each.score, ".4f", beside=", ".join(marks), best="best" in marks)
    return [
        number(each.number, "d"),
        *values,
        number(each.early, ".4f"),
        score,
        number(each.seconds, ",.1f"),
    ]
