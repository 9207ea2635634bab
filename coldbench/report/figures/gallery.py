"""All figures of a run, and their files."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from coldbench.records import Folder, Record, write_bytes
from coldbench.report.figures import budgets, critical, difference, embeddings, phases, published, steps
from coldbench.report.figures.style import RC, Look, looks
from coldbench.report.figures.summary import over
from coldbench.report.findings import Findings, Section
from coldbench.report.frame import BASELINE, Question

_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
_PNG_DPI = 200
_LONGEST = 60  # letters of each part of a file name


@dataclass(frozen=True)
class Picture:
    """One figure, drawn.

    Attributes:
        name: Stem of its files.
        about: The dataset and protocol that it shows.
        title: What it shows.
        caption: How to read it.
        files: Content by ending: svg, pdf, png.
    """

    name: str
    about: str
    title: str
    caption: str
    files: dict[str, bytes]


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
        drawn = [
            _picture(*parts) for section in found.sections for parts in _of_section(section, chosen, found.question)
        ]
        for protocol, part in found.frame.groupby("protocol", sort=False):
            ranks = critical.rankings(part, found.question)
            figure = critical.critical_differences(ranks, chosen)
            if figure is None:
                why = next(iter(ranks.values()))[1].note
                notes.append(f"No critical differences under protocol {protocol}: {why}.")
            else:
                caption = _CRITICAL.format(alpha=found.question.alpha)
                drawn.append(_picture(f"protocol {protocol}", "ranks", "critical differences", caption, figure))
        for dataset, part in found.frame.groupby("dataset", sort=False):
            figure = budgets.against_budget(part, chosen, found.question)
            if figure is not None:
                caption = _BUDGETS.format(behind=over(part, found.question.alpha))
                drawn.append(_picture(str(dataset), "budgets", "equal optimiser steps", caption, figure))
        for about, backbone, own in _by_backbone(found):
            figure = _embedding_map(folder, own, chosen)
            if figure is None:
                notes.append(f"No map of the embeddings for {about}, {backbone}: their files are not there.")
            else:
                seed = min(record["seed"] for record in own)
                title, caption = f"embeddings on {backbone}", _EMBEDDINGS.format(backbone=backbone, seed=seed)
                drawn.append(_picture(about, title, title, caption, figure))
    return drawn, notes


def write_pictures(folder: Path, drawn: Sequence[Picture]) -> None:
    """Writes each picture as SVG, PDF and PNG."""
    for picture in drawn:
        for ending, content in picture.files.items():
            write_bytes(folder / f"{picture.name}.{ending}", content)


_CRITICAL = (
    "Mean rank of each method over datasets x backbones, 1 is best; a bar joins methods whose ranks differ by less "
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
    """What one dataset under one protocol gives, as arguments of ``_picture``."""
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


def _picture(about: str, kind: str, title: str, caption: str, figure: Figure) -> Picture:
    name = f"{_slug(about)}-{_slug(kind)}"
    figure.draw_without_rendering()  # the layout, once for all three
    figure.set_layout_engine("none")
    files = {}
    for ending, metadata in _METADATA.items():
        sink = io.BytesIO()
        figure.savefig(sink, format=ending, metadata=metadata, dpi=_PNG_DPI if ending == "png" else 72)
        files[ending] = sink.getvalue() if ending != "svg" else _rounded(sink.getvalue())
    return Picture(name, about, title, caption, files)


def _slug(text: str) -> str:
    """Letters, digits and dashes for a file name; what is long or lost goes into a digest."""
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    plain = re.fullmatch(r"[A-Za-z0-9 ,_()-]*", text) and len(slug) <= _LONGEST
    return slug if plain else f"{slug[:_LONGEST].rstrip('-')}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _rounded(svg: bytes) -> bytes:
    """Coordinates to two decimals, a quarter of a thousandth of an inch: half the size."""
    attribute = re.compile(rb' (?:d|x|y|transform)="[^"]*"')
    return attribute.sub(lambda found: re.sub(rb"(\.\d\d)\d+", rb"\1", found[0]), svg)
