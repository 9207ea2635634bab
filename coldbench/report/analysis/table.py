"""The one form of a table, built once and formatted by a writer each for Markdown, LaTeX and HTML."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from coldbench.report.analysis.titles import Titles, title_of
from coldbench.significance import BETTER, EQUAL, UNDECIDED, WORSE

REFERENCE, FAR = "reference", "far"
MARKS = {WORSE: "*", UNDECIDED: "≈", EQUAL: "=", BETTER: "+", REFERENCE: "†"}


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: The name or the number, formatted.
        value: The number that the cell sorts by; None where it has none.
        beside: The detail that follows the text in small type, such as half an interval.
        mark: The verdict on it beside the reference (``significance.verdict``), ``reference`` for the reference
            itself, or ``far`` where the published number is far away; empty for none of these.
        best: Whether it is the best of its column, and therefore bold.
        note: Further detail, shown where a reader points at the cell.
    """

    text: str
    value: float | None = None
    beside: str = ""
    mark: str = ""
    best: bool = False
    note: str = ""

    @property
    def sign(self) -> str:
        """The letter that stands for the mark."""
        return MARKS.get(self.mark, "")


@dataclass(frozen=True)
class Table:
    """One table with its legend.

    Attributes:
        heading: The line above it.
        header: The name of each column.
        names: The number of columns, from the left, that name a row.
        rows: Rows of cells, each as long as the header.
        legend: The sentences below it that say what the numbers and marks are.
        lines: Sentences that follow from the table, one per line below the legend.
        caption: A description that stands alone, for papers and screen readers; the heading where it is empty.
        label: The name that LaTeX refers to it by; empty where it is not written in LaTeX.
        stacked: Whether a cell's detail is a remark of its own, to be set below the text or in parentheses.
        folded: Whether a page shows it only on demand.
    """

    heading: str
    header: Sequence[str]
    names: int
    rows: Sequence[Sequence[Cell]]
    legend: str = ""
    lines: Sequence[str] = ()
    caption: str = ""
    label: str = ""
    stacked: bool = False
    folded: bool = False

    @property
    def choices(self) -> dict[int, list[str]]:
        """The name columns that can be filtered by, by place, each with its values; a single value is no choice."""
        values = {place: list(dict.fromkeys(row[place].text for row in self.rows)) for place in range(self.names)}
        return {place: different for place, different in values.items() if len(different) > 1}

    def titled(self, titles: Titles) -> Table:
        """A copy of the table with titles in place of the labels in its name columns.

        Args:
            titles: By the name of a column, label to title.
        """
        rows = []
        for row in self.rows:
            named = zip(row, self.header[: self.names], strict=False)
            called = [replace(cell, text=title_of(titles, name, cell.text)) for cell, name in named]
            rows.append([*called, *row[self.names :]])
        return Table(**vars(self) | {"rows": rows})


def number(value: float | None, form: str, beside: str = "", mark: str = "", best: bool = False) -> Cell:
    """A cell with a number in a format; an empty one where the value is None, infinite or NaN."""
    if value is None or not math.isfinite(value):
        return Cell("")
    return Cell(f"{value:{form}}", value, beside, mark, best)


def text_row(texts: Sequence[str], names: int) -> list[Cell]:
    """A row of formatted texts; behind the name columns each sorts by the number that it begins with."""
    return [Cell(text, None if place < names else _leading(text)) for place, text in enumerate(texts)]


def interval(low: float, high: float, form: str = "+.4f") -> str:
    """``+0.0010 to +0.0030``; empty where there is no interval."""
    return "" if math.isnan(low) else f"{low:{form}} to {high:{form}}"


def _leading(text: str) -> float | None:
    try:
        return float(text.split()[0].replace(",", ""))
    except (ValueError, IndexError):
        return None
