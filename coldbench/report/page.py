"""One HTML file that says all of a run: no network, light and dark."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

import coldbench
from coldbench.report import appendix, facts, grids, tables
from coldbench.report.entries import closeness
from coldbench.report.figures.picture import Picture
from coldbench.report.figures.style import COLOURS, INK, MUTED, PAPER
from coldbench.report.findings import Findings, Section
from coldbench.report.frame import BASELINE, CELL, Question
from coldbench.report.grids import Grid

_LEAST_LUMINANCE = 0.2  # on the page's dark ground, a contrast of about 4
_PIXELS = 96 / 72  # a point
_KINDS = {"method": "Methods", "backbone": "Backbones", "dataset": "Datasets"}


@dataclass(frozen=True)
class Part:
    """A table of a section.

    Attributes:
        heading: Above it.
        grid: The table.
        legend: Below it.
        folded: Whether it opens only when asked.
    """

    heading: str
    grid: Grid
    legend: str = ""
    folded: bool = False


def render(name: str, found: Findings, pictures: Sequence[Picture], latex: dict[str, str]) -> str:
    """The whole page.

    Args:
        name: Of the run.
        found: What it came to.
        pictures: Its figures.
        latex: What can be copied, by file name.
    """
    environment = _environment()
    style, script = (_source(environment, f"page.{ending}") for ending in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        name=name,
        version=coldbench.__version__,
        style=Markup(style),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        tiles=_tiles(found),
        warnings=list(dict.fromkeys(facts.warnings(found))),
        sections=[(section.title, list(_parts(section, found.question))) for section in found.sections],
        latex=latex,
        pictures=[vars(p) | dict(zip(("svg", "width"), inline(p), strict=True)) for p in pictures],
        measurements=grids.measurements(found.frame, "All measurements"),
        plugins=[(heading, facts.plugins(found.records, kind)) for kind, heading in _KINDS.items()],
        grid=facts.grid(found),
        settings=facts.settings(found.records),
        data=facts.data(found.records),
        software=facts.software(found.records),
    )


def _parts(section: Section, question: Question) -> Iterator[Part]:
    """The tables of a section, and what they say below them: the same as the Markdown ones."""
    title = section.title
    legend = " ".join(tables.legend(section.block, question))
    yield Part(f"{question.title} by phase", grids.results(section.block, title), legend)
    gains = grids.gains(section.pair, question, f"Gains, {title}")
    if gains.rows:
        marks = tables.legend(section.pair, question)[1:]
        legend = " ".join([f"Change of the mean {question.title} in percent, below it from what to what.", *marks])
        yield Part(f"What a method adds to {BASELINE}", gains, legend)
    against = grids.published(section.block, f"Against the paper, {title}")
    if against.rows:
        yield Part("Ours minus the paper's AUC", against, closeness(section.first))
    lines = appendix.wide(section.tests, question)
    if len(lines):
        legend = " ".join(appendix.legend(section.tests, question))
        yield Part("All tests", grids.texts(lines, 4, f"All tests, {title}"), legend, folded=True)


def inline(picture: Picture) -> tuple[Markup, int]:
    """A figure's SVG as a part of the page, and its width in pixels.

    Its ids are made unique, its greys are those of the page's theme. Safe as it stands: Matplotlib escapes every label.
    """
    svg = picture.files["svg"].decode()
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    found = re.search(r'<svg[^>]*? width="([\d.]+)pt"[^>]*?(viewBox="[^"]*")[^>]*>', svg)
    if found is None:
        raise ValueError(f"figure {picture.name} is no SVG of Matplotlib's")
    body = svg[found.end() :]
    for place in (r'(?<= id=")', r'(?<=xlink:href="#)', r"(?<=url\(#)"):
        body = re.sub(place, f"{picture.name}-", body)
    for colour, shown in _shown().items():
        body = body.replace(colour, shown)
    body = body.replace("'DejaVu Sans', sans-serif", "var(--sans)")
    return Markup(f'<svg {found[2]} role="img" aria-labelledby="{picture.name}-caption">{body}'), round(
        float(found[1]) * _PIXELS
    )


@cache
def _shown() -> dict[str, str]:
    """What stands for a figure's colours on the page: dark ones are lightened on a dark ground."""
    shown = {INK: "var(--ink)", MUTED: "var(--faint)", PAPER: "var(--paper)"}
    for colour in COLOURS:
        light = colour
        for part in range(100, 0, -5):
            light = (
                f"#{''.join(f'{round(255 - (255 - level) * part / 100):02x}' for level in bytes.fromhex(colour[1:]))}"
            )
            if _luminance(light) >= _LEAST_LUMINANCE:
                break
        if light != colour:
            shown[colour] = f"light-dark({colour}, {light})"
    return shown


def _luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2)."""
    levels = [level / 255 for level in bytes.fromhex(colour[1:])]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _tiles(found: Findings) -> list[tuple[str, str]]:
    frame = found.frame
    counts = [("cells", len(frame[list(CELL)].drop_duplicates()))]
    counts += [
        (f"{kind}{'s' * (n != 1)}", n) for kind in ("method", "backbone", "dataset") for n in [frame[kind].nunique()]
    ]
    seeds = frame["seed"].nunique()
    return [(name, f"{count:,}") for name, count in [*counts, ("seed" + "s" * (seeds != 1), seeds)]]


@cache
def _environment() -> Environment:
    loader = PackageLoader("coldbench.report", "templates")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters["code"] = _code
    return made


def _code(text: str) -> Markup:
    """Text of a docstring, what stands between double backticks set as code."""
    return Markup(re.sub(r"``(.+?)``", r"<code>\1</code>", str(escape(text))))


def _source(environment: Environment, name: str) -> str:
    loader: Any = environment.loader
    return str(loader.get_source(environment, name)[0])
