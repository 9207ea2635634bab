"""The frame of an HTML page that needs no network, light and dark, whatever its subject."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

import coldbench
from coldbench.report.figures.picture import Picture
from coldbench.report.figures.style import COLOURS, INK, MUTED, PAPER

_LEAST_LUMINANCE = 0.2  # on the page's dark ground, a contrast of about 4
_PIXELS = 96 / 72  # a point


def render(template: str, name: str, pictures: Sequence[Picture], **content: Any) -> str:
    """A whole page.

    Args:
        template: The name of its template, without the endings; it extends ``page.html.j2``.
        name: The title of the page.
        pictures: The figures.
        **content: Further variables of the template.
    """
    environment = _environment()
    style, script = (_source(environment, f"page.{ending}") for ending in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(f"{template}.html.j2").render(
        name=name,
        version=coldbench.__version__,
        style=Markup(style),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        pictures=[vars(p) | dict(zip(("svg", "width"), inline(p), strict=True)) for p in pictures],
        **content,
    )


def inline(picture: Picture) -> tuple[Markup, int]:
    """A figure's SVG as a part of the page, and its width in pixels.

    Ids are made unique and greys follow the page's theme. Matplotlib escapes every label, so the SVG is safe to inline.
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
    """A figure's colours -> those of the page, which lightens dark colours on a dark ground."""
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


@cache
def _environment() -> Environment:
    loader = PackageLoader("coldbench.report.writers", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["code"] = _code
    return environment


def _code(text: str) -> Markup:
    """The text of a docstring as HTML, with text between double backticks set as code."""
    return Markup(re.sub(r"``(.+?)``", r"<code>\1</code>", str(escape(text))))


def _source(environment: Environment, name: str) -> str:
    loader: Any = environment.loader
    return str(loader.get_source(environment, name)[0])
