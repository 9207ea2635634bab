"""Tables -> GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tabulate import tabulate

from coldbench.report.analysis.table import Cell, Table


def section(table: Table, heading: str = "", level: int = 3) -> str:
    """A table as a section: its heading, the rows, the legend and the lines.

    Args:
        table: The table.
        heading: Another heading than the table's own.
        level: The level of the heading.
    """
    parts = [f"{'#' * level} {heading or table.heading}", rows(table), table.legend]
    parts.append("\n".join(f"- {line}" for line in table.lines))
    return "\n\n".join(filter(None, parts)) + "\n"


def rows(table: Table) -> str:
    """The rows of a table alone."""
    return grid([[show(cell, table.stacked) for cell in row] for row in table.rows], table.header)


def show(cell: Cell, stacked: bool = False) -> str:
    """``**0.7473 ± 0.0011** +``: the text and its detail, in bold where it is the best, and the mark."""
    beside = f"({cell.beside})" if cell.beside and stacked else cell.beside
    text = f"{cell.text} {beside}".strip()
    return f"{f'**{text}**' if cell.best else text} {cell.sign}".rstrip()


def grid(texts: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    """Texts as a table; a row that starts like the one above leaves that name out, and pipes are escaped."""
    lines = [[_escaped(text) for text in row] for row in texts]
    for place in range(len(lines) - 1, 0, -1):
        if lines[place][0] == lines[place - 1][0]:
            lines[place][0] = ""
    return tabulate(lines, [_escaped(name) for name in header], tablefmt="github", disable_numparse=True)


def _escaped(text: str) -> str:
    """A text without a pipe that would end its cell; backslashes before a pipe are doubled, or they would free it."""
    return re.sub(r"(\\*)\|", r"\1\1\\|", text)
