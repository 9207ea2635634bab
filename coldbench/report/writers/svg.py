"""Figures as parts of a page: small, in the page's colours, and with every method's marks named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from xml.etree import ElementTree

from markupsafe import Markup

from coldbench.report.figures.picture import Picture
from coldbench.report.figures.style import COLOURS, INK, MUTED, PAPER, marked

_LEAST_LUMINANCE = 0.2  # on the page's dark ground, a contrast of about 4
_PIXELS = 96 / 72  # a point
_OPEN = (f"fill: {PAPER}", "fill: none")  # styles of what stays open when a page recolours it
_LEVEL = re.compile(r"M([\d.]+) ([\d.]+)L([\d.]+) \2(?=M|$)")  # a level line
_DOT = 0.5  # points: a line that is shorter is there for its round caps


class Sheet:
    """The styles of a page's figures: each stands in the page once, as a class.

    The classes of shapes without a filling begin with ``o``, the others with ``s``.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, style: str) -> str:
        """The class for a style."""
        kind = "o" if any(part in style for part in _OPEN) else "s"
        for colour, shown in _shown().items():
            style = style.replace(colour, shown)
        style = style.replace("'DejaVu Sans', sans-serif", "var(--sans)")
        return self._names.setdefault(style, f"{kind}{len(self._names)}")

    @property
    def css(self) -> str:
        """The rules for all styles so far."""
        return "\n".join(f".{name} {{ {style} }}" for style, name in self._names.items())


def inline(picture: Picture, number: int, sheet: Sheet) -> tuple[Markup, int]:
    """A figure as a part of a page.

    Args:
        picture: The figure.
        number: A number that no other figure of the page has; ids begin with it.
        sheet: The page's styles, to which those of the figure are added.

    Returns:
        The SVG, and its width in pixels. Elements of a method have ``data-method`` with the number of its look.
    """
    root = ElementTree.fromstring(picture.files["svg"])
    for parent in [*root.iter()]:
        for child in [*parent]:
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    targets = {found for one in root.iter() for value in one.attrib.values() for found in _targets(value)}
    ids = {target: f"f{number}-{place}" for place, target in enumerate(sorted(targets))}
    parents = {child: parent for parent in root.iter() for child in parent}
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.text, element.tail = (
            None if not (part or "").strip() else part for part in (element.text, element.tail)
        )
        in_definition = element in parents and parents[element].tag == "defs"
        element.attrib = _attributes(element.attrib, ids, sheet, in_definition)
    root[:] = _without_empty_groups(root)
    width = float(root.attrib.pop("width").removesuffix("pt"))
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-labelledby": f"{picture.name}-caption"}
    return Markup(ElementTree.tostring(root, encoding="unicode")), round(width * _PIXELS)


def _targets(value: str) -> list[str]:
    """The id that an attribute refers to, if it refers to one."""
    found = re.fullmatch(r"#(.+)|url\(#(.+)\)", value)
    return [found[1] or found[2]] if found else []


def _attributes(own: Mapping[str, str], ids: Mapping[str, str], sheet: Sheet, in_definition: bool) -> dict[str, str]:
    """An element's attributes as they are in the page."""
    found = {}
    for name, value in own.items():
        name = name.rpartition("}")[2]
        if name == "id":
            if (method := marked(value)) is not None:
                found["data-method"] = method
            elif value in ids:
                found["id"] = ids[value]
        elif name == "style":
            if in_definition:  # the colour is that of where it is used
                value = re.sub(r"stroke: [^;]+;? ?", "", value)
            found["class"] = sheet.name(value)
        elif name == "d":
            path = re.sub(r"\s*([A-Za-z])\s*", r"\1", value.strip())
            found[name] = _LEVEL.sub(_dot, path)
        elif not value.startswith("rotate(-0 "):
            found[name] = next((value.replace(target, ids[target]) for target in _targets(value)), value)
    return found


def _dot(found: re.Match[str]) -> str:
    """A short level line without its length, and longer ones as they are."""
    if abs(float(found[3]) - float(found[1])) > _DOT:
        return found[0]
    return f"M{float(found[1]):.1f} {float(found[2]):.1f}h0"


def _without_empty_groups(parent: ElementTree.Element) -> list[ElementTree.Element]:
    """The children of an element; groups that say nothing are replaced by what they hold."""
    children = []
    for child in parent:
        inside = _without_empty_groups(child)
        if child.tag == "g" and not child.attrib:
            children += inside
        else:
            child[:] = inside
            children.append(child)
    return children


@cache
def _shown() -> dict[str, str]:
    """A figure's colours -> those of the page, which lightens dark colours on a dark ground."""
    shown = {INK: "var(--ink)", MUTED: "var(--faint)", PAPER: "var(--paper)"}
    return shown | {colour: both for colour in COLOURS if (both := on_both_grounds(colour)) != colour}


@cache
def on_both_grounds(colour: str) -> str:
    """A colour of a figure in CSS: as it is on a light ground, and light enough on a dark one."""
    if colour == INK:
        return "var(--ink)"
    light = colour
    for part in range(100, 0, -5):
        levels = (round(255 - (255 - level) * part / 100) for level in bytes.fromhex(colour[1:]))
        light = f"#{''.join(f'{level:02x}' for level in levels)}"
        if _luminance(light) >= _LEAST_LUMINANCE:
            break
    return colour if light == colour else f"light-dark({colour}, {light})"


def _luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2)."""
    levels = [level / 255 for level in bytes.fromhex(colour[1:])]
    linear = [level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4 for level in levels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
