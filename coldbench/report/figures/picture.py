"""A drawn figure and its files: SVG, PDF, PNG."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from coldbench.core.atomic import write_bytes
from coldbench.core.storage import Place
from coldbench.report.analysis.names import slug
from coldbench.report.figures.style import distinct

_METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
_PNG_DPI = 200


@dataclass(frozen=True)
class Picture:
    """One figure, drawn.

    Attributes:
        name: The stem of its files.
        about: The data that it shows, such as a dataset under a protocol.
        title: A short title.
        caption: An explanation for the reader.
        files: The content of each file, by ending: svg, pdf, png.
    """

    name: str
    about: str
    title: str
    caption: str
    files: dict[str, bytes]


def draw(about: str, kind: str, title: str, caption: str, figure: Figure) -> Picture:
    """Draws a figure into every format; the same figure gives the same bytes.

    Args:
        about: The data that it shows.
        kind: The kind of figure; with ``about`` it names the files.
        title: A short title.
        caption: An explanation for the reader.
        figure: The figure, made under ``style.RC``.
    """
    name = f"{slug(about)}-{slug(kind)}"
    figure.draw_without_rendering()  # the layout, once for all three
    figure.set_layout_engine(None)
    files = {}
    for ending, metadata in _METADATA.items():
        sink = io.BytesIO()
        figure.savefig(sink, format=ending, metadata=metadata, dpi=_PNG_DPI if ending == "png" else 72)
        files[ending] = sink.getvalue() if ending != "svg" else distinct(_rounded(sink.getvalue()))
    return Picture(name, about, title, caption, files)


def write_pictures(folder: Place, drawn: Sequence[Picture]) -> list[str]:
    """Writes each picture as SVG, PDF and PNG, and returns the names of the files."""
    files = {f"{picture.name}.{ending}": content for picture in drawn for ending, content in picture.files.items()}
    for name, content in files.items():
        write_bytes(folder / name, content)
    return list(files)


def _rounded(svg: bytes) -> bytes:
    """Coordinates to two decimals, a quarter of a thousandth of an inch: half the size."""
    attribute = re.compile(rb' (?:d|x|y|transform)="[^"]*"')
    return attribute.sub(lambda found: re.sub(rb"(\.\d\d)\d+", rb"\1", found[0]), svg)
