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

from coldbench.core.package import __version__
from coldbench.report.figures.picture import Picture
from coldbench.report.writers.svg import Sheet, inline


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
    sheet = Sheet()
    shown = [
        vars(picture) | dict(zip(("svg", "width"), inline(picture, number, sheet), strict=True))
        for number, picture in enumerate(pictures)
    ]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(f"{template}.html.j2").render(
        name=name,
        version=__version__,
        style=Markup(style + sheet.css),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        pictures=shown,
        **content,
    )


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
