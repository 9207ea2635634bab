"""The style of figures: a method has the same colour, marker and line everywhere, readable in grey."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from coldbench.report.analysis import paper
from coldbench.report.analysis.names import method_order

INK, MUTED, PAPER = "#1a1a1a", "#7a7a7a", "#ffffff"  # the page puts its own colours in their place
WIDTH = 7.2  # inches: two columns of a paper
_OKABE_ITO = (INK, "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00")
# Tol's muted scheme, for plugins; hatches are not needed where nothing is filled
_TOL = ("#882255", "#44aa99", "#332288", "#999933", "#aa4499", "#117733", "#cc6677", "#ddcc77")
_MARKERS, _PLUGIN_MARKERS = "osD^vPX", "<>phd*H8"
_FILLS = ("none", "left", "right", "top", "bottom")  # of a variant's marker
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (4, 1, 1, 1, 1, 1)), (0, (2, 1)))
COLOURS = (*_OKABE_ITO[1:], *_TOL)  # all but the ink's
_LONGEST = 34  # letters of a label
_MARK = "method-"  # how the ids of what shows a method begin

RC: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with Matplotlib, so that figures are the same everywhere
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "text.parse_math": False,  # a label with a dollar sign is no formula
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": MUTED,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4.5,
    "figure.facecolor": PAPER,
    "axes.facecolor": "none",
    "savefig.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "coldbench",
    "pdf.fonttype": 42,
}


@dataclass(frozen=True)
class Look:
    """How a method is drawn, told apart in grey by its marker and its line.

    Attributes:
        colour: As ``#rrggbb``.
        marker: A marker of Matplotlib's.
        dash: A line style of Matplotlib's.
        fill: The part of the marker that is filled.
        title: The name that legends and axes show; empty for the label.
        number: The method's place among those of a run, by which a page knows what belongs to it.
    """

    colour: str
    marker: str
    dash: Any
    fill: str = "full"
    title: str = ""
    number: int = field(default=0, compare=False)

    def mark(self, *artists: Artist) -> None:
        """Says that artists show this method; an SVG names them (see ``marked``)."""
        for artist in artists:
            artist.set_gid(f"{_MARK}{self.number}")

    def line(self, **more: Any) -> dict[str, Any]:
        """Arguments for ``Axes.plot`` and ``Axes.errorbar``."""
        look = {"color": self.colour, "linestyle": self.dash, "marker": self.marker, "fillstyle": self.fill}
        return look | {"markeredgewidth": 0.9, "markerfacecoloralt": PAPER} | more


def looks(labels: Iterable[str], titles: Mapping[str, str] | None = None) -> dict[str, Look]:
    """A look for each method of a run, by label.

    The published methods have theirs by their place in the paper's tables. A plugin's colour comes from its name,
    the next free one where two plugins of a run meet. A variant (``cvar[adapt=false]``) has its method's colour
    with its marker filled otherwise and a dash of its own.

    Args:
        labels: The methods' labels.
        titles: Label to the title that legends show; None for the labels.
    """
    labels = sorted(set(labels), key=method_order)
    published = paper.methods()
    bases = {label: label.partition("[")[0] for label in labels}
    places = dict(zip(published, zip(_OKABE_ITO, _MARKERS, strict=True), strict=True))
    taken: set[int] = set()
    for name in sorted({base for base in bases.values() if base not in places}):
        place = int(hashlib.sha256(name.encode()).hexdigest(), 16) % len(_TOL)
        while place in taken and len(taken) < len(_TOL):
            place = (place + 1) % len(_TOL)
        taken.add(place)
        places[name] = _TOL[place], _PLUGIN_MARKERS[place]
    found: dict[str, Look] = {}
    order = [*published, *sorted(set(places) - set(published))]
    variants: dict[str, int] = {}
    for place, label in enumerate(labels):
        base = bases[label]
        number = variants[base] = variants.get(base, -1) + 1 if label != base else -1
        dash = _DASHES[(order.index(base) + number + 1) % len(_DASHES)]
        fill = "full" if number < 0 else _FILLS[number % len(_FILLS)]
        found[label] = Look(*places[base], dash, fill, (titles or {}).get(label, label), place)
    return found


def marked(name: str) -> str | None:
    """The number of the method that an element of an SVG shows, from the element's id; None if it shows none."""
    found = re.fullmatch(rf"{_MARK}(\d+)(-\d+)?", name)
    return found[1] if found else None


def distinct(svg: bytes) -> bytes:
    """An SVG in which every marked element has an id of its own."""
    count = itertools.count()
    return re.sub(rb'<g id="(%s\d+)">' % _MARK.encode(), lambda g: b'<g id="%s-%d">' % (g[1], next(count)), svg)


def spaced(names: Sequence[str], most: int = 4) -> list[str]:
    """At most ``most`` of the names, evenly spaced from the first to the last, for a figure with a column for each."""
    if len(names) <= most:
        return list(names)
    return [names[round(place * (len(names) - 1) / (most - 1))] for place in range(most)]


def short(label: str, longest: int = _LONGEST) -> str:
    """A label that a figure has room for."""
    return label if len(label) <= longest else label[: longest - 1] + "…"


def panels(
    titles: Sequence[str], across: int, height: float, xlabel: str, ylabel: str, sharex: bool = True
) -> tuple[Figure, list[Axes]]:
    """A figure with one panel per title, at most ``across`` per row, each ``height`` inches high."""
    across = min(len(titles), across)
    down = -(-len(titles) // across)
    figure = Figure(figsize=(WIDTH if across > 1 else 0.64 * WIDTH, down * height), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharex=sharex, sharey=True)
    for axes in grid.flat[len(titles) :]:
        axes.set_visible(False)
    shown: list[Axes] = list(grid.flat[: len(titles)])
    for place, (axes, title) in enumerate(zip(shown, titles, strict=True)):
        axes.set_title(title)
        if place % across == 0:
            axes.set_ylabel(ylabel)
        if place + across >= len(titles):
            axes.set_xlabel(xlabel)
            axes.xaxis.set_tick_params(labelbottom=True)
    return figure, shown


def legend(figure: Figure, chosen: dict[str, Look], **more: Any) -> None:
    """Names the methods under a figure, where it covers no data."""
    lines = [Line2D([], [], label=short(look.title or label), **look.line(**more)) for label, look in chosen.items()]
    widest = max(len(line.get_label()) for line in lines)  # type: ignore[arg-type]
    columns = max(1, min(len(lines), int(figure.get_figwidth() * 13 / (widest + 8))))
    rows = -(-len(lines) // columns)
    figure.set_figheight(figure.get_figheight() + 0.17 * rows + 0.1)
    made = figure.legend(handles=lines, loc="outside lower center", ncols=columns, handlelength=3)
    for look, line, text in zip(chosen.values(), made.legend_handles, made.get_texts(), strict=True):
        look.mark(*filter(None, [line]), text)
