"""The folder of a simulated online test -> its report: Markdown, LaTeX, CSV, figures and one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from coldbench.core.atomic import write_text
from coldbench.core.config import text
from coldbench.core.errors import InputError
from coldbench.core.storage import Place
from coldbench.online.effects import effects
from coldbench.online.folder import Simulation, Simulations
from coldbench.report.analysis import platform, tested
from coldbench.report.analysis.table import Table
from coldbench.report.analysis.titles import titles_of
from coldbench.report.figures.picture import Picture, write_pictures
from coldbench.report.figures.tested import pictures
from coldbench.report.writers import html, latex, markdown

FIRST = "This report shows orders and mechanisms in assumed worlds. It is not a forecast of lift on any platform."
PITFALLS = (
    "If matching lets no new item through, pre-ranking cannot matter: read the cold recall of the funnel first.",
    "A truth that resembles a generator makes generators win: vary ``own`` of the planted world and use a fitted one.",
    "Early exposure decides later data. Scores of new items that are too high raise exposure as a method's merit "
    "would: compare with the arm ``bonus``, which only adds a constant, and with the guard rails.",
    "Slots are zero-sum: what new items gain, old items lose.",
    "In design ab both arms learn from one log, so each arm's data help the other; the bias table says how much.",
    "A test by users compares the two models that were trained, not the two methods: that takes several seeds.",
)


@dataclass(frozen=True)
class SimulationReport:
    """The files of a simulation's report.

    Attributes:
        path: The report in Markdown; index.html, effects.csv, the LaTeX tables and the figures lie beside it.
        summary: The first line and the table of effects, for a terminal.
    """

    path: Place
    summary: str


def write_simulation(
    folder: Simulations, asked: Sequence[float] = (), named: Mapping[str, tuple[str, str]] | None = None
) -> SimulationReport:
    """Writes ``report/`` in a simulation's folder.

    Args:
        folder: The folder.
        asked: The effects in percent whose power is reported; empty for the paper's.
        named: Label of a method to its key and its title; tables show the labels of others.

    Raises:
        InputError: The folder holds no finished task, or the report cannot be written.
    """
    runs = folder.simulations()
    frame = effects(runs)
    scenarios = sorted(dict.fromkeys(run.scenario for run in runs), key=lambda name: (len(name), name))
    titles = titles_of(named or {})
    tables = {scenario: _tables(runs, frame, scenario, asked) for scenario in scenarios}
    sections = [(scenario, [table.titled({"arm": titles}) for table in own]) for scenario, own in tables.items()]
    drawn = pictures(runs, frame, scenarios, titles) if len(frame) else []
    cards = {scenario: platform.card(runs, scenario) for scenario in scenarios}
    out = folder.path / "report"
    lettered = [table for _, own in sections for table in own if table.label]
    written = {
        "simulation.md": _markdown(sections, drawn, cards, runs),
        "effects.csv": frame.to_csv(index=False),
        "tables.tex": latex.PACKAGES + "\\clearpage\n".join(latex.table(own) for own in lettered),
        "index.html": _page(folder.path.name, sections, drawn, cards, runs),
    }
    try:
        write_pictures(out / "figures", drawn)
        for name, content in written.items():
            write_text(out / name, content)
    except OSError as error:
        raise InputError(f"{out} cannot be written ({error.strerror})") from None
    summary = "\n".join([FIRST, *(markdown.section(own[0]) for _, own in sections if own)])
    return SimulationReport(out / "simulation.md", summary)


def _tables(runs: Sequence[Simulation], frame: pd.DataFrame, scenario: str, asked: Sequence[float]) -> list[Table]:
    found: list[Table | None] = []
    if len(frame):
        found += [tested.by_design(frame, scenario), tested.bias(frame, scenario)]
        found += [tested.beside_the_paper(frame, scenario), tested.scale(frame, scenario)]
        found += [tested.orders(frame, scenario)]
    plain = platform.plain_run(runs, scenario)
    if plain is not None:
        found += [platform.funnel(runs, scenario), platform.a_a(plain), platform.powers(plain, asked)]
    headings = [own.caption.partition(",")[0] if own is not None else "" for own in found]
    return [
        replace(own, heading=name) for own, name in zip(found, headings, strict=True) if own is not None and own.rows
    ]


def _markdown(
    sections: Sequence[tuple[str, list[Table]]],
    drawn: Sequence[Picture],
    cards: dict[str, dict[str, str]],
    runs: Sequence[Simulation],
) -> str:
    parts = ["# Simulated online test", FIRST, "\n".join(f"- {pitfall}" for pitfall in PITFALLS)]
    for scenario, tables in sections:
        parts += [f"## {scenario}", *map(markdown.section, tables)]
        parts += ["### Card of the truth", "\n".join(f"- {name}: {value}" for name, value in cards[scenario].items())]
        for picture in drawn:
            if picture.about == scenario:
                parts += [f"![{picture.title}](figures/{picture.name}.svg)", picture.caption]
    for picture in drawn:
        if picture.about not in dict(sections):
            parts += [f"## {picture.title}", f"![{picture.title}](figures/{picture.name}.svg)", picture.caption]
    parts += ["## Assumptions", "\n".join(f"- {name}: {value}" for name, value in _assumed(runs).items())]
    return "\n\n".join(parts) + "\n"


def _page(
    name: str,
    sections: Sequence[tuple[str, list[Table]]],
    drawn: Sequence[Picture],
    cards: dict[str, dict[str, str]],
    runs: Sequence[Simulation],
) -> str:
    tiles = {"runs": len(runs), "scenarios": len(sections), "seeds": len({run.about["seed"] for run in runs})}
    return html.render(
        "simulation",
        name,
        drawn,
        source="the counts of the simulation",
        lead=FIRST,
        tiles=[(what, f"{count:,}") for what, count in tiles.items()],
        warnings=PITFALLS,
        sections=sections,
        cards=cards,
        assumptions=_assumed(runs),
    )


def _assumed(runs: Sequence[Simulation]) -> dict[str, str]:
    """The assumptions, each with all its values."""
    values: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, value in (
            run.about["assumptions"] | {"backbone": run.about["backbone"], "ranker": run.about["ranker"]}
        ).items():
            values.setdefault(name, {})[text(value)] = None
    return {name: ", ".join(own) for name, own in values.items()}
